/** Where the daemon can be killed: between each two steps on the ways of a call. */

/** What one transaction of the outbox does; several of them may share a commit. */
export type Step =
  | "enqueue"
  | "hand-over"
  | "unknown letter"
  | "claim"
  | "settlement"
  | "telling"
  | "recovery"
  | "purge"

export const places = [
  "live, before it is sent",
  "live, answered",
  "enqueue, before its commit",
  "enqueue, committed",
  "hand-over, before its commit",
  "hand-over, committed",
  "unknown letter, before its commit",
  "unknown letter, committed",
  "acknowledgement, before it leaves",
  "acknowledgement, gone",
  "claim, before its commit",
  "claim, committed",
  "delivery, before it is sent",
  "delivery, answered",
  "settlement, before its commit",
  "settlement, committed",
  "telling, before its commit",
  "telling, committed",
  "purge, before its commit",
  "purge, committed",
  "recovery, before its commit",
  "recovery, committed"
] as const

export type Place = (typeof places)[number]

/** The daemon dies when it comes to the place for the `passes`th time. */
export interface Trap {
  readonly place: Place
  readonly passes: number
}
