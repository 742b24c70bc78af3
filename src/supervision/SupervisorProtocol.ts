/**
 * What the supervisor (`programs/supervise.ts`) and its daemon say to each other, over the channel that Node opens between
 * a process and its child. The two may be of different versions after an upgrade, so what one does not know it passes over.
 */

/** What a daemon learns at its start, as JSON in this variable. No setting: the daemon takes it out of its environment. */
export const variable = "HOLDFAST_SUPERVISED"

export interface HeldSocket {
  /** The descriptor under which the daemon finds it. */
  readonly fd: number
  readonly host: string
  readonly port: number
}

export interface Beginning {
  /** How often the daemon was started again after it ended by itself. */
  readonly restarts: number
  /** How it ended the last time: `SIGKILL`, or `exit code 1`. */
  readonly lastEnd: string | null
  /** What the daemon before it listened on. */
  readonly socket: HeldSocket | null
}

export type ToDaemon =
  /** Somebody sent this signal to the supervisor. */
  | { readonly tag: "signal"; readonly signal: NodeJS.Signals }
  /** The supervisor has closed the socket. */
  | { readonly tag: "released" }

export type ToSupervisor =
  /** The listening socket comes with it. */
  | { readonly tag: "listening"; readonly host: string; readonly port: number }
  | { readonly tag: "ready" }
  /** Let the port go. */
  | { readonly tag: "release" }
  /** Stop this daemon cleanly, and start another one when it has ended. */
  | { readonly tag: "restart" }
