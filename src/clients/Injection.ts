/**
 * How an agent is told of the endpoint: by its own means, in addition to what its user configured, with the secret in the
 * environment alone.
 */
import { defaultRelay } from "../domain/Ids.ts"
import type { TemporaryEntry } from "./TemporaryEntry.ts"

/** The variable that holds the secret; its name stands in arguments and files, its value never. */
export const secretVariable = "HOLDFAST_AGENT_SECRET"

export interface Injection {
  /** Put before the command's own. */
  readonly args: ReadonlyArray<string>
  /** Lent to the user's configuration file while the command runs. */
  readonly entries: ReadonlyArray<TemporaryEntry>
  /** Started so, the agent refreshes its tools when it is told to. */
  readonly obeysListChanged: boolean
}

/** A relay as the agent meets it: an MCP server of its own. */
export interface Server {
  /** Letters, digits, dashes and underscores. */
  readonly name: string
  readonly url: string
  /** The command that serves the same on standard input and output. */
  readonly stdio: { readonly command: string; readonly args: ReadonlyArray<string> }
}

/** Of one tool. `own` are the arguments that it was called with. */
export type Inject = (servers: ReadonlyArray<Server>, own: ReadonlyArray<string>) => Injection

/** How an agent's program calls a relay's server. */
export const serverName = (relay: string): string =>
  relay === defaultRelay ? "holdfast" : `holdfast-${relay.replaceAll(".", "-")}`

export const urlOf = (endpoint: string, relay: string): string =>
  relay === defaultRelay ? endpoint : `${endpoint}/${relay}`

/** A server for each relay, none of them under another's name: dots become dashes, a number tells two of one name apart. */
export const serversOf = (
  endpoint: string,
  relays: ReadonlyArray<string>,
  stdio: (relay: string) => Server["stdio"]
): ReadonlyArray<Server> => {
  const taken = new Set<string>()
  return relays.map((relay) => {
    const base = serverName(relay)
    let name = base
    for (let number = 2; taken.has(name); number++) name = `${base}-${number}`
    taken.add(name)
    return { name, url: urlOf(endpoint, relay), stdio: stdio(relay) }
  })
}

/** An editor's command hands over to its window and returns, unless it is told to wait; the secret ends with the command. */
export const editorArguments = (own: ReadonlyArray<string>): ReadonlyArray<string> =>
  own.includes("--wait") || own.includes("-w") ? [] : ["--wait"]
