/** What is known of a command by its name; of any other only the environment tells the endpoint. */
import { basename } from "node:path"
import { claude } from "./claude.ts"
import { codex } from "./codex.ts"
import { cursor, cursorAgent, vscode } from "./editors.ts"
import { gemini } from "./gemini.ts"
import type { Inject, Injection, Server } from "./Injection.ts"

const known: Readonly<Record<string, Inject>> = {
  claude,
  codex,
  gemini,
  cursor,
  "cursor-agent": cursorAgent,
  code: vscode("Code"),
  "code-insiders": vscode("Code - Insiders")
}

const byEnvironmentAlone: Inject = () => ({ args: [], entries: [], obeysListChanged: false })

/** A path to the command, or the file that Windows starts, counts as the command. */
const nameOf = (command: string): string => basename(command).replace(/\.(exe|cmd|bat|ps1)$/i, "")

/** Without a server there is nothing to tell. */
export const injectionFor = (
  command: string,
  args: ReadonlyArray<string>,
  servers: ReadonlyArray<Server>
): Injection => {
  const name = nameOf(command)
  const inject = Object.hasOwn(known, name) && servers.length > 0 ? known[name] : undefined
  return (inject ?? byEnvironmentAlone)(servers, args)
}
