import { type ClientEntry, secretExpansion } from "./ClientEntry.ts"

/** The shell reads the secret, so that the line can be shown and kept in a history. */
export const claudeLine = (entry: ClientEntry): string =>
  `claude mcp add --transport http holdfast ${entry.url} --header "Authorization: Bearer ${secretExpansion(entry)}"`

export const claude = (entry: ClientEntry): string =>
  `# Paste into a shell, in the project where it shall count; or add --scope user, for all of them.
# Where there is an entry of that name already, first: claude mcp remove holdfast
${claudeLine(entry)}`
