import { type Inject, secretVariable } from "./Injection.ts"

/** Values are TOML; without the feature Codex ignores list_changed. */
export const codex: Inject = (url) => ({
  args: [
    "-c",
    `mcp_servers.holdfast.url=${JSON.stringify(url)}`,
    "-c",
    `mcp_servers.holdfast.bearer_token_env_var=${JSON.stringify(secretVariable)}`,
    "--enable",
    "mcp_tool_list_changed"
  ],
  obeysListChanged: true
})
