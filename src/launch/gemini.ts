import { homedir } from "node:os"
import { join } from "node:path"
import { type Inject, secretVariable } from "./Injection.ts"

/** The user's settings: those of the folder count only once it is trusted, the system's only where root owns them. */
export const gemini: Inject = (servers) => ({
  args: [],
  entries: servers.map(({ name, url }) => ({
    file: join(process.env["GEMINI_CLI_HOME"] || homedir(), ".gemini", "settings.json"),
    path: ["mcpServers", name],
    value: { httpUrl: url, headers: { Authorization: `Bearer \${${secretVariable}}` } }
  })),
  obeysListChanged: false
})
