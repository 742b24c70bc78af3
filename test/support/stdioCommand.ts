import { fileURLToPath } from "node:url"
import { childEnvironment } from "./environment.ts"

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))

/** `holdfast stdio` on a data directory, seeing nothing of the user. */
export const stdioCommand = (dataDir: string, env: Readonly<Record<string, string>> = {}) => ({
  command: process.execPath,
  args: [main, "stdio", "--data-dir", dataDir],
  env: childEnvironment(env)
})
