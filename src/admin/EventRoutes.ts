/**
 * `GET /api/events`: the journal from a cursor on, as server-sent events that go on with what comes, or as pages of JSON
 * (BEHAVIOUR 13). A reader that is slow, or reads nothing, costs a cursor: nothing is read from disk until it is taken.
 */
import { Effect, Schedule, Schema, Stream } from "effect"
import { HttpRouter, type HttpServerRequest, HttpServerResponse } from "effect/http"
import { Journal } from "../journal/Journal.ts"
import { textOf } from "../journal/JournalRecord.ts"
import { happeningTypes } from "../observability/Happenings.ts"
import { BadRequest, Conflict, Unauthorized } from "./AdminErrors.ts"
import { Admission } from "./Admission.ts"

export const eventsPath = "/api/events"

/** So that proxies and clients know that the stream lives. */
const commentEvery = "15 seconds"
const maxPage = 500

const Cursor = Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 0, maximum: 2 ** 53 - 1 }))

const Query = Schema.Struct({
  after: Schema.optional(Cursor),
  subject: Schema.optional(Schema.String),
  type: Schema.optional(Schema.Literals(happeningTypes)),
  follow: Schema.optional(Schema.Literals(["true", "false"])),
  limit: Schema.optional(
    Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: maxPage }))
  )
})

const decodeQuery = Schema.decodeUnknownEffect(Query)
const decodeCursor = Schema.decodeUnknownEffect(Cursor)

const Refused = Schema.Union([Unauthorized, BadRequest, Conflict])
const encodeRefused = Schema.encodeSync(Schema.toCodecJson(Refused))
const statusOf = { Unauthorized: 401, BadRequest: 400, Conflict: 409 } as const

const refusal = (refused: typeof Refused.Type) =>
  HttpServerResponse.jsonUnsafe(encodeRefused(refused), { status: statusOf[refused._tag] })

const asked = Effect.fnUntraced(function*({ headers, url }: HttpServerRequest.HttpServerRequest) {
  const { searchParams } = new URL(url, "http://localhost")
  const query = yield* decodeQuery(Object.fromEntries(searchParams))
  const lastEventId = headers["last-event-id"]
  // A browser that connects again repeats the URL that it began with.
  const after = lastEventId === undefined ? query.after ?? 0 : yield* decodeCursor(lastEventId)
  return { ...query, after, json: prefersJson(headers["accept"] ?? "") }
}, Effect.mapError((error) => new BadRequest({ message: `query: ${error.message}` })))

const prefersJson = (accept: string): boolean => accept.includes("json") && !accept.includes("text/event-stream")

const encoder = new TextEncoder()
const comments = Stream.map(Stream.fromSchedule(Schedule.spaced(commentEvery)), () => ": \n\n")

export const layer = HttpRouter.use(Effect.fn(function*(router) {
  const { admit } = yield* Admission
  const journal = yield* Journal

  const page = Effect.fnUntraced(
    function*({ after, limit = maxPage, subject, type }: Effect.Success<ReturnType<typeof asked>>) {
      const { newest, next, records } = yield* journal.page({ after, limit, subject, type })
      const text = `{"records":[${records.map(textOf).join(",")}],"next":${next},"newest":${newest}}\n`
      return HttpServerResponse.text(text, { contentType: "application/json" })
    },
    Effect.mapError(({ message }) => new Conflict({ message }))
  )

  const stream = Effect.fnUntraced(
    function*({ after, follow, subject, type }: Effect.Success<ReturnType<typeof asked>>) {
      const records = yield* journal.open({ after, subject, type, follow: follow !== "false" })
      const events = Stream.map(
        records,
        (record) => `id: ${record.seq}\nevent: ${record.type}\ndata: ${textOf(record)}\n\n`
      )
      const all = Stream.make(": connected\n\n").pipe(
        Stream.concat(Stream.merge(events, comments, { haltStrategy: "left" })),
        // One write for each event.
        Stream.rechunk(1),
        Stream.map((text) => encoder.encode(text))
      )
      return HttpServerResponse.stream(all, {
        contentType: "text/event-stream",
        headers: { "cache-control": "no-store" }
      })
    },
    Effect.mapError(({ message }) => new Conflict({ message }))
  )

  yield* router.add("GET", eventsPath, (request) =>
    Effect.gen(function*() {
      yield* admit(request)
      const query = yield* asked(request)
      return yield* query.json ? page(query) : stream(query)
    }).pipe(Effect.catch((refused) => Effect.succeed(refusal(refused)))))
}))
