/** The form that most clients share. */
import type { Client } from "./Client.ts"
import { environmentVariable, mergeInto, stdioCommand } from "./ClientEntry.ts"

export const json: Client = {
  title: "a client",
  snippet: (entry) => ({
    text: JSON.stringify(
      {
        mcpServers: {
          [entry.name]: entry.agent === undefined
            ? { type: "http", url: entry.url, headers: { Authorization: `Bearer \${${environmentVariable}}` } }
            : { type: "stdio", ...stdioCommand(entry) }
        }
      },
      null,
      2
    ),
    note: mergeInto(".mcp.json", "mcpServers")(entry)
  })
}
