import { homedir } from "node:os"
import { join } from "node:path"
import { type Inject, secretVariable } from "./Injection.ts"

/** An editor's command hands over to its window and returns, unless it is told to wait; the secret ends with the command. */
const waiting = (own: ReadonlyArray<string>): ReadonlyArray<string> =>
  own.includes("--wait") || own.includes("-w") ? [] : ["--wait"]

const entry = (url: string) => ({ url, headers: { Authorization: `Bearer \${env:${secretVariable}}` } })

const cursorFile = () => join(homedir(), ".cursor", "mcp.json")

export const cursor: Inject = (servers, own) => ({
  args: waiting(own),
  entries: servers.map(({ name, url }) => ({ file: cursorFile(), path: ["mcpServers", name], value: entry(url) })),
  obeysListChanged: false
})

/** Cursor's agent in the terminal stays in the foreground by itself. */
export const cursorAgent: Inject = (servers, own) => ({ ...cursor(servers, own), args: [] })

const userFolder = (product: string): string => {
  if (process.platform === "darwin") return join(homedir(), "Library", "Application Support", product, "User")
  if (process.platform === "win32") return join(process.env["APPDATA"] || homedir(), product, "User")
  return join(process.env["XDG_CONFIG_HOME"] || join(homedir(), ".config"), product, "User")
}

export const vscode = (product: string): Inject => (servers, own) => ({
  args: waiting(own),
  entries: servers.map(({ name, url }) => ({
    file: join(userFolder(product), "mcp.json"),
    path: ["servers", name],
    value: { type: "http", ...entry(url) }
  })),
  obeysListChanged: false
})
