/** Cursor, the editor and its agent in the terminal. */
import { homedir } from "node:os"
import { join } from "node:path"
import type { Client } from "./Client.ts"
import { environmentVariable, mergeInto, stdioCommand } from "./ClientEntry.ts"
import { editorArguments, type Inject } from "./Injection.ts"

const entryOf = (url: string) => ({ url, headers: { Authorization: `Bearer \${env:${environmentVariable}}` } })

/** Cursor's agent in the terminal stays in the foreground by itself. */
const agent: Inject = (servers) => ({
  args: [],
  entries: servers.map(({ name, url }) => ({
    file: join(homedir(), ".cursor", "mcp.json"),
    path: ["mcpServers", name],
    value: entryOf(url)
  })),
  obeysListChanged: false
})

export const cursor: Client = {
  title: "Cursor",
  snippet: (entry) => ({
    text: JSON.stringify(
      { mcpServers: { [entry.name]: entry.agent === undefined ? entryOf(entry.url) : stdioCommand(entry) } },
      null,
      2
    ),
    note: mergeInto("~/.cursor/mcp.json", "mcpServers")(entry)
  }),
  inject: {
    cursor: (servers, own) => ({ ...agent(servers, own), args: editorArguments(own) }),
    "cursor-agent": agent
  }
}
