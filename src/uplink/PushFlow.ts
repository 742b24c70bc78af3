/**
 * Records out: the journal from a cursor on, in order, up to so many at once; the cursor moves over what the plane has
 * acknowledged without a hole (BEHAVIOUR 14).
 *
 * A failure sends on one record alone, and then twice as many each time: until the plane takes records again, none can
 * overtake another. Holds no more than what is under way and one batch of the journal, however long the plane is away.
 */
import { Cause, Effect, Exit, Metric, Option, Schema, Stream } from "effect"
import * as ToolNames from "../config/ToolNames.ts"
import type { UplinkSettings } from "../config/UplinkSettings.ts"
import type { Journal } from "../journal/Journal.ts"
import { type StoredRecord, textOf } from "../journal/JournalRecord.ts"
import { ofAgent } from "../observability/Happenings.ts"
import * as Metrics from "../observability/Metrics.ts"
import type { Cursors } from "./Cursors.ts"
import type { Flow } from "./Flow.ts"
import { type Plane, PlaneFailure, type PlaneToken, type Push, remedyOf } from "./Plane.ts"
import type { PlaneAccess } from "./PlaneAccess.ts"

/** At once: below what HTTP/2 lets through without a word of the other side, so that no record waits behind another's. */
const maxBytesInFlight = 48 * 1024

export interface PushFlowOptions {
  readonly name: string
  readonly settings: UplinkSettings
  readonly plane: Plane
  readonly access: PlaneAccess
  readonly cursors: Cursors
  readonly journal: Journal["Service"]
  readonly flow: Flow
}

export interface PushFlow {
  readonly pushed: () => number
  readonly skipped: () => number
  readonly run: Effect.Effect<never>
}

interface Outgoing {
  readonly push: Push
  readonly record: StoredRecord
  /** The number before: the cursor, where this one is the first that the plane has not got. */
  readonly behind: number
  /** It stands in the place of a record that the plane refused. */
  readonly isSubstitute: boolean
}

export const make = ({ access, cursors, flow, journal, name, plane, settings }: PushFlowOptions): PushFlow => {
  const { agents, inFlight } = settings
  const isWanted = ToolNames.matcher(settings.push)
  const subjects = agents === undefined ? undefined : new Set(agents.map(ofAgent))
  let pushed = cursors.pushed
  let skipped = 0

  const passes = ({ subject, type }: StoredRecord): boolean =>
    type === "gap" || (isWanted(type) && (!subject.startsWith(ofAgent("")) || (subjects?.has(subject) ?? true)))

  const outgoing = (record: StoredRecord, behind: number): Outgoing => ({
    record,
    behind,
    isSubstitute: false,
    push: { type: record.type, payload: textOf(record), key: keyOf(cursors.origin, record) }
  })

  const counted = (outcome: string) =>
    Metric.update(Metric.withAttributes(Metrics.uplinkRecords, { uplink: name, outcome }), 1)

  const moveTo = (seq: number) =>
    Effect.suspend(() => {
      if (seq <= pushed) return Effect.void
      pushed = seq
      // Where it lags behind on disk, some records go out again under their keys.
      return Effect.ignore(cursors.savePushed(seq))
    })

  const refused = Effect.fnUntraced(function*({ behind, isSubstitute, record }: Outgoing, failure: PlaneFailure) {
    const { at, seq, type } = record
    skipped++
    yield* counted("skipped")
    yield* Effect.logWarning(`the control plane refuses a record, which is left out: ${failure.message}`).pipe(
      Effect.annotateLogs({ uplink: name, seq, type })
    )
    const payload = JSON.stringify({ from: seq, to: seq, why: "refused" })
    const gap: StoredRecord = { seq, at, payload, type: "gap", subject: "daemon", session: undefined }
    return isSubstitute ? [] : [{ ...outgoing(gap, behind), isSubstitute: true }]
  })

  /** Sends these at once; gives what is left of them, in order, and the first refusal that asks for another try. */
  const send = Effect.fnUntraced(function*(window: ReadonlyArray<Outgoing>, token: PlaneToken) {
    const exits = yield* Effect.forEach(
      window,
      (one) => Effect.map(Effect.exit(plane.push(one.push, token)), (exit) => ({ one, exit })),
      { concurrency: "unbounded" }
    )
    const left: Array<Outgoing> = []
    const failures: Array<PlaneFailure> = []
    for (const { exit, one } of exits) {
      if (Exit.isSuccess(exit)) {
        yield* counted("pushed")
        continue
      }
      const failure = failureIn(exit.cause)
      if (remedyOf(failure) === "skip") left.push(...yield* refused(one, failure))
      else {
        left.push(one)
        failures.push(failure)
      }
    }
    // Nobody answers: the connection may be dead, and nobody would say so.
    if (failures.length === exits.length && failures.every(({ status }) => status === "deadline exceeded")) {
      yield* plane.disconnect
    }
    return { left, failure: failures[0] }
  })

  /** What goes out next, and the number up to which nothing else has to. */
  const nextWindow = (waiting: ReadonlyArray<StoredRecord>, width: number) => {
    const window: Array<Outgoing> = []
    let bytes = 0
    let taken = 0
    let upTo = pushed
    for (const record of waiting) {
      if (passes(record)) {
        const next = outgoing(record, upTo)
        bytes += next.push.payload.length
        if (window.length >= width || (window.length > 0 && bytes > maxBytesInFlight)) break
        window.push(next)
      }
      taken++
      upTo = record.seq
    }
    return { window, taken, upTo }
  }

  /** Until the plane has these. */
  const deliver = Effect.fnUntraced(function*(window: ReadonlyArray<Outgoing>, width: number) {
    let left = window
    let atOnce = width
    while (left.length > 0) {
      const token = yield* access.token
      const { failure, left: again } = yield* send(left.slice(0, atOnce), token)
      left = [...again, ...left.slice(atOnce)]
      if (left[0] !== undefined) yield* moveTo(left[0].behind)
      atOnce = failure === undefined ? Math.min(inFlight, atOnce * 2) : 1
      yield* failure === undefined ? flow.succeeded : flow.refused(failure, token)
    }
    return atOnce
  })

  const follow = Effect.gen(function*() {
    const pull = yield* Stream.toPull(yield* journal.open({ after: pushed, follow: true }))
    let waiting: ReadonlyArray<StoredRecord> = []
    let width = 1
    while (true) {
      if (waiting.length === 0) waiting = yield* pull
      const { taken, upTo, window } = nextWindow(waiting, width)
      waiting = waiting.slice(taken)
      width = yield* deliver(window, width)
      yield* moveTo(upTo)
    }
  }).pipe(
    Effect.scoped,
    Effect.orDie,
    // A disk that cannot be read is the journal's to report.
    Effect.catchDefect(() => Effect.andThen(flow.waiting("the journal cannot be read"), Effect.sleep("30 seconds"))),
    Effect.forever
  )

  return { pushed: () => pushed, skipped: () => skipped, run: follow }
}

const failureIn = (cause: Cause.Cause<PlaneFailure>): PlaneFailure =>
  Option.getOrElse(
    Cause.findErrorOption(cause),
    () => new PlaneFailure({ status: "other", detail: String(Cause.squash(cause)) })
  )

/** A gap has bounds that grow, so it is told apart from the record whose place it takes, and from a smaller one. */
const keyOf = (origin: string, { payload, seq, type }: StoredRecord): string => {
  if (type !== "gap") return `${origin}-${seq}`
  const { from } = decodeFrom(payload)
  return `${origin}-gap-${from}-${seq}`
}

const decodeFrom = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Struct({ from: Schema.Int })))
