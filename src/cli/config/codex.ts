import { type ClientEntry, environmentVariable, exportLine } from "./ClientEntry.ts"

/** Codex takes the secret from the environment. */
export const codex = (entry: ClientEntry): string =>
  `# Add to ~/.codex/config.toml; other [mcp_servers.…] tables stay as they are.
[mcp_servers.holdfast]
url = "${entry.url}"
bearer_token_env_var = "${environmentVariable}"

# And in the shell that starts codex (or its profile):
# ${exportLine(entry)}`

/** One line that needs no file. */
export const codexLine = (entry: ClientEntry): string =>
  `${exportLine(entry)} && codex mcp add holdfast --url ${entry.url} --bearer-token-env-var ${environmentVariable}`
