/** Gemini CLI. It passes few variables on to what it starts, so the entry says all. */
import { homedir } from "node:os"
import { join } from "node:path"
import type { Client } from "./Client.ts"
import { byConnect, stdioCommand } from "./ClientEntry.ts"
import { type Inject, secretVariable } from "./Injection.ts"
import * as JsonEntry from "./jsonEntry.ts"

/** The user's settings: those of the folder count only once it is trusted, the system's only where root owns them. */
const file = (env: Readonly<Record<string, string | undefined>>) =>
  join(env["GEMINI_CLI_HOME"] || homedir(), ".gemini", "settings.json")

const path = (name: string) => ["mcpServers", name]

const inject: Inject = (servers) => ({
  args: [],
  entries: servers.map(({ name, url }) => ({
    file: file(process.env),
    path: path(name),
    value: { httpUrl: url, headers: { Authorization: `Bearer \${${secretVariable}}` } }
  })),
  obeysListChanged: false
})

export const gemini: Client = {
  title: "Gemini CLI",
  snippet: (entry) => ({
    text: JSON.stringify({ mcpServers: { [entry.name]: stdioCommand(entry) } }, null, 2),
    note:
      `Merge into ~/.gemini/settings.json: add the ${entry.name} entry to "mcpServers" where there is one. Gemini uses `
      + `no server in a folder that you have not trusted. ${byConnect(entry)}`
  }),
  inject: { gemini: inject },
  registration: {
    command: "gemini",
    file,
    put: (text, entry) => JsonEntry.put(text, path(entry.name), stdioCommand(entry)),
    remove: (text, name) => JsonEntry.removeAt(text, path(name)),
    holds: (text, entry) => JsonEntry.holdsAt(text, path(entry.name), stdioCommand(entry)),
    way: "stdio"
  }
}
