/** VS Code. Pasted, it asks for the secret once and keeps it in its own secret store. */
import { homedir } from "node:os"
import { join } from "node:path"
import type { Client } from "./Client.ts"
import { type ClientEntry, environmentVariable, mergeInto, secretPlace, stdioCommand } from "./ClientEntry.ts"
import { editorArguments, type Inject } from "./Injection.ts"

const userFolder = (product: string): string => {
  if (process.platform === "darwin") return join(homedir(), "Library", "Application Support", product, "User")
  if (process.platform === "win32") return join(process.env["APPDATA"] || homedir(), product, "User")
  return join(process.env["XDG_CONFIG_HOME"] || join(homedir(), ".config"), product, "User")
}

const injectInto = (product: string): Inject => (servers, own) => ({
  args: editorArguments(own),
  entries: servers.map(({ name, url }) => ({
    file: join(userFolder(product), "mcp.json"),
    path: ["servers", name],
    value: { type: "http", url, headers: { Authorization: `Bearer \${env:${environmentVariable}}` } }
  })),
  obeysListChanged: false
})

const ofAgent = (entry: ClientEntry) => ({
  text: JSON.stringify({ servers: { [entry.name]: { type: "stdio", ...stdioCommand(entry) } } }, null, 2),
  note: mergeInto(".vscode/mcp.json", "servers")(entry)
})

export const vscode: Client = {
  title: "VS Code",
  snippet: (entry) =>
    entry.agent !== undefined ? ofAgent(entry) : ({
      text: JSON.stringify(
        {
          inputs: [{
            type: "promptString",
            id: "holdfast-secret",
            description: "Holdfast agent secret",
            password: true
          }],
          servers: {
            [entry.name]: {
              type: "http",
              url: entry.url,
              headers: { Authorization: "Bearer ${input:holdfast-secret}" }
            }
          }
        },
        null,
        2
      ),
      note: `Merge into .vscode/mcp.json: add to "servers" and "inputs". VS Code asks for the secret once; it is in ${
        secretPlace(entry)
      }`
    }),
  inject: { code: injectInto("Code"), "code-insiders": injectInto("Code - Insiders") }
}
