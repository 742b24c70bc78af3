import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))

/** `holdfast stdio` on a data directory, with nothing of the developer's environment but what is given. */
export const stdioCommand = (dataDir: string, env: Readonly<Record<string, string>> = {}) => ({
  command: process.execPath,
  args: [main, "stdio", "--data-dir", dataDir],
  env: { PATH: process.env["PATH"] ?? "", NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? "", ...env }
})
