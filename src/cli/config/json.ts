import { type ClientEntry, environmentVariable } from "./ClientEntry.ts"

/** The form that most clients share; Claude Code's `.mcp.json` is one. */
export const json = ({ url }: ClientEntry) => ({
  mcpServers: {
    holdfast: { type: "http", url, headers: { Authorization: `Bearer \${${environmentVariable}}` } }
  }
})
