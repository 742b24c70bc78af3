/** Claude Code. It asks a command for the headers each time that it connects, so the secret is in no file of its own. */
import { homedir } from "node:os"
import { join } from "node:path"
import type { Client } from "./Client.ts"
import { byConnect, type ClientEntry, headersLine, stdioCommand } from "./ClientEntry.ts"
import { type Inject, secretVariable } from "./Injection.ts"
import * as JsonEntry from "./jsonEntry.ts"

/** The command has 10 s (2.1.332). User scope needs nobody's trust in the folder. */
const entryOf = (entry: ClientEntry) =>
  entry.agent === undefined
    ? { type: "http", url: entry.url, headersHelper: headersLine(entry) }
    : { type: "stdio", ...stdioCommand(entry) }

/**
 * `--mcp-config` adds to what the user configured, as long as the strict flag is not there. In one word with its value:
 * the flag takes several, and would take the prompt for one of them.
 */
const inject: Inject = (servers) => {
  const headers = { Authorization: `Bearer \${${secretVariable}}` }
  const mcpServers = Object.fromEntries(servers.map(({ name, url }) => [name, { type: "http", url, headers }]))
  return { args: [`--mcp-config=${JSON.stringify({ mcpServers })}`], entries: [], obeysListChanged: false }
}

const path = (name: string) => ["mcpServers", name]

export const claude: Client = {
  title: "Claude Code",
  snippet: (entry) => ({
    text: JSON.stringify({ mcpServers: { [entry.name]: entryOf(entry) } }, null, 2),
    note:
      `Merge into ~/.claude.json: add the ${entry.name} entry to "mcpServers" where there is one. It counts in every `
      + `folder. ${byConnect(entry)}`
  }),
  inject: { claude: inject },
  registration: {
    command: "claude",
    file: (env) => join(env["CLAUDE_CONFIG_DIR"] || homedir(), ".claude.json"),
    put: (text, entry) => JsonEntry.put(text, path(entry.name), entryOf(entry)),
    remove: (text, name) => JsonEntry.removeAt(text, path(name)),
    holds: (text, entry) => JsonEntry.holdsAt(text, path(entry.name), entryOf(entry)),
    way: "headers"
  }
}
