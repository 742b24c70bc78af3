import { type Inject, secretVariable } from "./Injection.ts"

/** Values are TOML; without the feature Codex ignores list_changed. */
export const codex: Inject = (servers) => ({
  args: [
    ...servers.flatMap(({ name, url }) => [
      "-c",
      `mcp_servers.${name}.url=${JSON.stringify(url)}`,
      "-c",
      `mcp_servers.${name}.bearer_token_env_var=${JSON.stringify(secretVariable)}`
    ]),
    "--enable",
    "mcp_tool_list_changed"
  ],
  entries: [],
  obeysListChanged: true
})
