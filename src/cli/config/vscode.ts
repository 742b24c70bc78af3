import type { ClientEntry } from "./ClientEntry.ts"

/** VS Code asks for the secret once and keeps it in its own secret store. */
export const vscode = ({ url }: ClientEntry) => ({
  inputs: [{ type: "promptString", id: "holdfast-secret", description: "Holdfast agent secret", password: true }],
  servers: {
    holdfast: { type: "http", url, headers: { Authorization: "Bearer ${input:holdfast-secret}" } }
  }
})
