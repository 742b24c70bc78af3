import { childEnvironment } from "./environment.ts"
import { holdfastFile } from "./holdfastFile.ts"

/** `holdfast stdio` on a data directory, seeing nothing of the user. */
export const stdioCommand = (dataDir: string, env: Readonly<Record<string, string>> = {}) => ({
  command: process.execPath,
  args: [holdfastFile, "stdio", "--data-dir", dataDir],
  env: childEnvironment(env)
})
