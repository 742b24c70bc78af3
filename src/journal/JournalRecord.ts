/** A record of the journal: what happened, to what, when, under a number that rises. */
import { Schema } from "effect"
import { type HappeningType, happeningTypes } from "../observability/Happenings.ts"

/** As it stands in the table; `payload` is JSON text. */
export interface StoredRecord {
  readonly seq: number
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly subject: string
  readonly session: string | undefined
  readonly type: HappeningType
  readonly payload: string
}

/** As readers get it. What a payload holds is in `payloads`, by type. */
export const JournalRecord = Schema.Struct({
  seq: Schema.Int,
  /** Milliseconds since the epoch. */
  at: Schema.Number,
  subject: Schema.String,
  session: Schema.optionalKey(Schema.String),
  type: Schema.Literals(happeningTypes),
  payload: Schema.Record(Schema.String, Schema.Json)
})
export type JournalRecord = typeof JournalRecord.Type

export const JournalPage = Schema.Struct({
  records: Schema.Array(JournalRecord),
  /** The cursor to go on from. */
  next: Schema.Int,
  /** The newest number there is: `next` has reached it where there is nothing more to read. */
  newest: Schema.Int
})

const decodePayload = Schema.decodeUnknownSync(Schema.fromJsonString(JournalRecord.fields.payload))

export const recordOf = ({ payload, session, ...record }: StoredRecord): JournalRecord => ({
  ...record,
  ...session !== undefined && { session },
  payload: decodePayload(payload)
})

/** One JSON object on one line. */
export const textOf = ({ at, payload, seq, session, subject, type }: StoredRecord): string =>
  `{"seq":${seq},"at":${at},"subject":${JSON.stringify(subject)}`
  + `${session === undefined ? "" : `,"session":${JSON.stringify(session)}`},"type":"${type}","payload":${payload}}`

/** What it counts for against the journal's bound: its texts, and what a row has besides. */
export const bytesOf = ({ payload, session = "", subject, type }: StoredRecord): number =>
  Buffer.byteLength(payload) + subject.length + session.length + type.length + 24

export type Gap = Pick<StoredRecord, "at"> & {
  readonly from: number
  readonly to: number
  readonly why: "retention" | "disk"
}

/** It stands at the place of the last record that is gone, so that a reader behind that place never sees it. */
export const gapRecord = ({ at, from, to, why }: Gap): StoredRecord => ({
  seq: to,
  at,
  subject: "daemon",
  session: undefined,
  type: "gap",
  payload: JSON.stringify({ from, to, why })
})

const Bounds = Schema.Struct({ from: Schema.Int, why: Schema.Literals(["retention", "disk"]) })
export const gapBounds = Schema.decodeUnknownSync(Schema.fromJsonString(Bounds))

/** For a reader that has had all up to `after`: a gap names what is gone of the rest alone. */
export const seenFrom = (record: StoredRecord, after: number): StoredRecord => {
  if (record.type !== "gap") return record
  const { from, why } = gapBounds(record.payload)
  return from > after ? record : gapRecord({ at: record.at, from: after + 1, to: record.seq, why })
}
