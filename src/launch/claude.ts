import { type Inject, secretVariable } from "./Injection.ts"

/**
 * `--mcp-config` adds to what the user configured, as long as the strict flag is not there. In one word with its value:
 * the flag takes several, and would take the prompt for one of them.
 */
export const claude: Inject = (servers) => {
  const headers = { Authorization: `Bearer \${${secretVariable}}` }
  const mcpServers = Object.fromEntries(servers.map(({ name, url }) => [name, { type: "http", url, headers }]))
  return { args: [`--mcp-config=${JSON.stringify({ mcpServers })}`], entries: [], obeysListChanged: false }
}
