/**
 * How an agent is told of the endpoint: by its own means, in addition to what its user configured, with the secret in the
 * environment alone.
 */
import type { BorrowedEntry } from "./BorrowedEntry.ts"

/** The variable that holds the secret; its name stands in arguments and files, its value never. */
export const secretVariable = "HOLDFAST_AGENT_SECRET"

export interface Injection {
  /** Put before the command's own. */
  readonly args: ReadonlyArray<string>
  /** Lent to the user's configuration file while the command runs. */
  readonly entry?: BorrowedEntry
  /** Started so, the agent refreshes its tools when it is told to. */
  readonly obeysListChanged: boolean
}

/** Of one tool. `own` are the arguments that it was called with. */
export type Inject = (url: string, own: ReadonlyArray<string>) => Injection
