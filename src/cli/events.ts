/** What happened, from the daemon's journal, one line an event; with `--follow` also over restarts of the daemon. */
import { Console, DateTime, Effect, Option, Result, Schema, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { AgentName } from "../domain/Ids.ts"
import { SseDecoder } from "../domain/SseDecoder.ts"
import { JournalPage, JournalRecord } from "../journal/JournalRecord.ts"
import { happeningTypes, ofAgent } from "../observability/Happenings.ts"
import * as Screen from "../observability/Screen.ts"
import { DaemonClient, withDaemon } from "./DaemonClient.ts"
import { jsonFlag } from "./flags.ts"
import { colors, type Paint } from "./print.ts"

/** Between attempts to reach a daemon that is being restarted. */
const again = "500 millis"
/** Answers in a row that are none, before that is said. */
const maxRefusals = 10

const decodePage = Schema.decodeUnknownEffect(Schema.fromJsonString(JournalPage))
const decodeRecord = Schema.decodeUnknownEffect(Schema.fromJsonString(JournalRecord))

const path = (query: Readonly<Record<string, string | number | undefined>>): string => {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value))
  return `/api/events?${given}`
}

const bad: ReadonlySet<string> = new Set(["link.down", "call.dead", "token.rejected", "gap"])
const worth: ReadonlySet<string> = new Set(["call.held", "token.failing", "fiber.restarted", "session.lost"])

const moments: ReadonlySet<string> = new Set(["since", "downSince", "occurredAt", "sentAt", "nextAt", "expiresAt"])

const time = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))

const formatValue = (name: string, value: Schema.Json): string => {
  if (typeof value === "number" && moments.has(name)) return time(value)
  if (Array.isArray(value)) return value.join(",")
  return typeof value === "string" ? value : JSON.stringify(value)
}

/** What a payload holds as `name=value`. */
const details = (payload: JournalRecord["payload"]): string =>
  Object.entries(payload)
    .filter(([, value]) => !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => `${name}=${formatValue(name, value)}`)
    .join(" ")

const line = ({ at, payload, subject, type }: JournalRecord, paint: Paint): string => {
  const when = time(at).replace("T", " ").slice(0, 23)
  const name = type.padEnd(16)
  const colored = bad.has(type) ? paint("red", name) : worth.has(type) ? paint("yellow", name) : name
  return `${paint("dim", when)}  ${colored} ${Screen.oneLine(subject)}  ${Screen.oneLine(details(payload))}`
}

interface Asked {
  readonly subject: string | undefined
  readonly type: string | undefined
  readonly json: boolean
}

export const events = Command.make("events", {
  follow: Flag.Boolean("follow").pipe(
    Flag.withAlias("f"),
    Flag.withDescription("Go on with what comes, also over restarts of the daemon"),
    Flag.withDefault(false)
  ),
  after: Flag.Int("after").pipe(
    Flag.withDescription("Begin behind the event of this number (default: the oldest; with --follow, the newest)"),
    Flag.withMetavar("N"),
    Flag.optional
  ),
  agent: Flag.String("agent").pipe(
    Flag.withDescription("What concerns this agent alone"),
    Flag.withMetavar("NAME"),
    Flag.withSchema(AgentName),
    Flag.optional
  ),
  type: Flag.Literals("type", happeningTypes).pipe(
    Flag.withDescription("Events of this type alone"),
    Flag.withMetavar("TYPE"),
    Flag.optional
  ),
  json: jsonFlag
}, ({ after, agent, follow, json, type }) =>
  Effect.gen(function*() {
    const asked: Asked = {
      subject: Option.getOrUndefined(Option.map(agent, ofAgent)),
      type: Option.getOrUndefined(type),
      json
    }
    const { newest } = yield* pageAfter(0, asked, 1)
    const first = Option.getOrElse(after, () => follow ? newest : 0)
    const cursor = yield* replay(first, asked)
    if (follow) return yield* goOn(cursor, asked)
  })).pipe(
    Command.withDescription("What happened: calls, links, tokens, contexts, sessions, from the daemon's journal"),
    Command.withExamples([
      { command: "holdfast events --follow", description: "What happens from now on" },
      { command: "holdfast events --type call.dead --json", description: "Each dead letter, one JSON object a line" }
    ]),
    withDaemon
  )

const pageAfter = Effect.fnUntraced(function*(after: number, { subject, type }: Asked, limit: number) {
  const daemon = yield* DaemonClient
  const text = yield* daemon.read(path({ after, subject, type, limit }), "application/json")
  return yield* Effect.orDie(decodePage(text))
})

const print = Effect.fnUntraced(function*(record: JournalRecord, { json }: Asked) {
  yield* Console.log(json ? Screen.plainJson(JSON.stringify(record)) : line(record, yield* colors))
})

/** Prints what is kept behind the cursor; gives the cursor to go on from. */
const replay = Effect.fnUntraced(function*(after: number, asked: Asked) {
  for (let cursor = after;;) {
    const { newest, next, records } = yield* pageAfter(cursor, asked, 500)
    for (const record of records) yield* print(record, asked)
    cursor = next
    if (records.length === 0 || cursor >= newest) return cursor
  }
})

/** Never ends. Where the daemon goes away it is waited for, and what happened meanwhile comes first. */
const goOn = Effect.fnUntraced(function*(after: number, asked: Asked) {
  const daemon = yield* DaemonClient
  let cursor = after
  let refusals = 0
  const { subject, type } = asked
  while (true) {
    const decoder = new SseDecoder()
    const ended = yield* daemon.stream(path({ after: cursor, subject, type }), "text/event-stream").pipe(
      Stream.mapEffect((chunk) => Effect.fromResult(decoder.push(chunk))),
      Stream.runForEach(Effect.forEach(({ data }) =>
        Effect.gen(function*() {
          const record = yield* decodeRecord(data)
          yield* print(record, asked)
          cursor = record.seq
          refusals = 0
        }), { discard: true })),
      Effect.result
    )
    // A daemon that is away is waited for. One that answers something else may be another one, half started.
    if (Result.isFailure(ended) && ended.failure._tag !== "NoDaemon" && ++refusals >= maxRefusals) {
      return yield* ended.failure
    }
    yield* Effect.sleep(again)
  }
})
