/** The unit of order: one call of a lane is in flight, live or queued; later ones wait behind it (BEHAVIOUR 5). */
import { type Deferred, Predicate } from "effect"
import type { SettingsValues } from "../../config/Settings.ts"
import type { AgentName } from "../../domain/Ids.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type { BufferableCall } from "../Call.ts"

/** `live`: the call is the lane's one in flight. `queue`: it has to go to disk. */
export type Turn = "live" | "queue"

/** Where a call stands in its lane; `seq` is its place for good, whenever it goes to disk. */
export interface Place {
  readonly lane: Lane
  readonly seq: number
  readonly turn: Deferred.Deferred<Turn>
}

export interface Lane {
  readonly name: string
  readonly agent: AgentName
  /** A call is in flight, live or queued. */
  busy: boolean
  /** Entries on disk that wait for their turn. */
  backlog: number
  /** Calls on their way to disk. */
  readonly entering: Set<number>
  /** Calls that wait in line behind the one in flight, in order of arrival; none where there is a backlog. */
  readonly waiting: Array<Place>
  /** Not looked at before, in milliseconds: what the disk said when it was last asked; 0 where it has to be asked. */
  notBefore: number
  /** Counts what may have made that untrue while the disk was being asked. */
  changes: number
  /** The relay's last refusals, if they were alike. */
  refusals: { readonly why: string; readonly inARow: number }
  /** Of the entry that is in flight: when the queue last sent it, and how long the relay took. */
  lastAttempt?: { readonly at: number; readonly millis: number } | undefined
}

export const noRefusals: Lane["refusals"] = { why: "", inARow: 0 }

/** Entries behind it wait for calls that are on their way to disk, ahead of them. */
export const firstEntering = ({ entering }: Lane): number => Math.min(...entering)

/** The lane of a call: its agent's, or one for each value of the configured argument. */
export const laneOf = (call: BufferableCall, argument: SettingsValues["outbox"]["lane"]): string => {
  if (argument === undefined) return call.agent
  const given = call.request.params["arguments"]
  const text = Predicate.isReadonlyObject(given) && Object.hasOwn(given, argument) ? given[argument] : undefined
  if (Predicate.isString(text)) return `${call.agent}/${text}`
  // Anything else counts as it is written.
  const value = JsonText.at(call.request.text, ["params", "arguments", argument])
  if (value === undefined) return call.agent
  return `${call.agent}/${value}`
}
