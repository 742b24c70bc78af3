/**
 * A coding agent's program, as far as Holdfast has to know it: what to paste into its configuration, how `exec` tells it
 * the endpoint, which file of its user's `connect` registers in. Each program is one file of this folder.
 */
import type { Result } from "effect"
import type { ClientEntry } from "./ClientEntry.ts"
import type { Inject } from "./Injection.ts"

/** What `holdfast config` prints: the text to paste, and a note for standard error. */
export interface Snippet {
  readonly text: string
  readonly note?: string
}

/** The user's own configuration file of a client, changed as text: comments, order and layout of the rest stay. */
export interface Registration {
  /** A client is installed where its command is on the PATH. */
  readonly command: string
  readonly file: (env: Readonly<Record<string, string | undefined>>) => string
  /** The same text with our entry; why not, where the file is written in a way that is not understood. */
  readonly put: (text: string, entry: ClientEntry) => Result.Result<string, string>
  /** The same text without any entry of that name. */
  readonly remove: (text: string, name: string) => string
  /** Whether the client, reading this text, meets exactly this entry. */
  readonly holds: (text: string, entry: ClientEntry) => boolean
  /** How the client reaches the endpoint by the entry. */
  readonly way: "headers" | "stdio"
}

export interface Client {
  /** As people call it. */
  readonly title: string
  readonly snippet?: (entry: ClientEntry) => Snippet
  /** By the name of its command. */
  readonly inject?: Readonly<Record<string, Inject>>
  readonly registration?: Registration
}
