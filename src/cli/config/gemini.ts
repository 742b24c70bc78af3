import { type ClientEntry, environmentVariable } from "./ClientEntry.ts"

export const gemini = ({ url }: ClientEntry) => ({
  mcpServers: {
    holdfast: { httpUrl: url, headers: { Authorization: `Bearer \${${environmentVariable}}` } }
  }
})
