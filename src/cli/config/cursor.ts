import { type ClientEntry, environmentVariable } from "./ClientEntry.ts"

export const cursor = ({ url }: ClientEntry) => ({
  mcpServers: {
    holdfast: { url, headers: { Authorization: `Bearer \${env:${environmentVariable}}` } }
  }
})
