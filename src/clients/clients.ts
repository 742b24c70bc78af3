/** The programs that Holdfast knows, and what is known of a command or a file by its name. */
import { basename, dirname } from "node:path"
import { claude } from "./claude.ts"
import type { Client } from "./Client.ts"
import { codex, codexServers } from "./codex.ts"
import { cursor } from "./cursor.ts"
import { gemini } from "./gemini.ts"
import type { Inject, Injection, Server } from "./Injection.ts"
import { jsonClientFile } from "./jsonClientFile.ts"
import type { ClientFile, Syntax } from "./RemoteServers.ts"
import { vscode } from "./vscode.ts"

export const clients: ReadonlyArray<Client> = [claude, codex, gemini, cursor, vscode]

const injections: Readonly<Record<string, Inject>> = Object.assign({}, ...clients.map(({ inject }) => inject ?? {}))

const byEnvironmentAlone: Inject = () => ({ args: [], entries: [], obeysListChanged: false })

/** A path to the command, or the file that Windows starts, counts as the command. */
const nameOf = (command: string): string => basename(command).replace(/\.(exe|cmd|bat|ps1)$/i, "")

/** Of a command that is not known only the environment tells the endpoint; without a server there is nothing to tell. */
export const injectionFor = (
  command: string,
  args: ReadonlyArray<string>,
  servers: ReadonlyArray<Server>
): Injection => {
  const name = nameOf(command)
  const inject = Object.hasOwn(injections, name) && servers.length > 0 ? injections[name] : undefined
  return (inject ?? byEnvironmentAlone)(servers, args)
}

/** Claude Code; what else has the form of its file. */
const braces: Syntax = { pattern: /\$\{([A-Za-z_]\w*)\}/g, write: (name) => `\${${name}}` }
const editors: Syntax = { pattern: /\$\{env:([A-Za-z_]\w*)\}/g, write: (name) => `\${env:${name}}` }
const geminis: Syntax = { pattern: /\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/g, write: (name) => `\${${name}}` }

/** How `wrap` reads a configuration file: by where it lies, since that says whose it is. */
export const clientFileFor = (file: string): ClientFile => {
  if (file.endsWith(".toml")) return codexServers
  const folder = basename(dirname(file))
  if (folder === ".gemini") return jsonClientFile(geminis)
  return jsonClientFile([".cursor", ".vscode", "User"].includes(folder) ? editors : braces)
}
