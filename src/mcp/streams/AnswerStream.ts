/**
 * The answer to one request, under way: JSON when it comes whole in time, SSE when the relay streams or takes long.
 *
 * The producer (the session) runs in the session's scope, so that a client that drops its connection cancels nothing.
 */
import { Deferred, Effect, Option } from "effect"
import { codes, text as errorText } from "../../domain/JsonRpcError.ts"
import type { RelayFailure } from "../../relay/RelayFailure.ts"
import type { Pull } from "../../relay/transport/RelayTransport.ts"
import type { EventLog, EventReader } from "./EventLog.ts"

/** How the answer begins, which decides the HTTP response. */
export type Opening =
  | {
    readonly _tag: "Json"
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    readonly body:
      | { readonly _tag: "Whole"; readonly text: string }
      | { readonly _tag: "Chunks"; readonly chunks: Pull<Uint8Array> }
  }
  | {
    readonly _tag: "Sse"
    readonly log: EventLog
    /** Reads `log` from its beginning; connected since before the first event, so that nothing gave way meanwhile. */
    readonly reader: EventReader
    readonly headers: Readonly<Record<string, string>>
  }

type Json = Extract<Opening, { readonly _tag: "Json" }>

export interface AnswerStream {
  /** Producer: the relay answers with SSE, so do we. */
  readonly stream: Effect.Effect<void>
  /**
   * Producer: a message that goes ahead of the answer; makes the answer a stream. Waits while a connected client is
   * slow to read. After a JSON answer there is no place for one, and it is dropped.
   */
  readonly message: (data: string, supersedes?: string) => Effect.Effect<void>
  /** Producer: the answer. JSON if the answer has not become a stream by then, else its last event. Only the first counts. */
  readonly answer: (answer: Json) => Effect.Effect<void>
  /**
   * Producer: the relay lets its client come again for the rest, and so do we; where the stream tells its ids at its
   * beginning, without which no client comes (MCP 2025-11-25, transports, polling).
   */
  readonly poll: Effect.Effect<void>
  /** Producer: no answer will come, since the request was cancelled; the response ends without one. */
  readonly abandon: Effect.Effect<void>
  /** Producer: returns when the client has gone before the end, which cancels a modern request and no other. */
  readonly disconnected: Effect.Effect<void>
  /** Consumer: settled by whichever of the above comes first. */
  readonly opening: Effect.Effect<Opening>
  /** Consumer: after 10 s without an opening the answer becomes a stream, where the request's Accept allows that. */
  readonly becomeStream: Effect.Effect<void>
  /** Consumer: the client has gone. */
  readonly disconnect: Effect.Effect<void>
}

export interface AnswerStreamOptions {
  /** Made when the answer becomes a stream; most never do. */
  readonly log: Effect.Effect<EventLog>
  /** Whether the stream begins with an event that only tells its id (2025-11-25 and later). */
  readonly priming: boolean
  /** Whether events carry ids by which the stream can be resumed; the modern era knows no resuming. */
  readonly resumable?: boolean | undefined
  /** The request's id, as it stands in its text. */
  readonly id: string
  /** Response headers, where the answer becomes a stream. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** What an answer may have in all that comes in chunks to a client that has to get it as one event. */
const mostCollected = 16 * 1024 * 1024

export const make = Effect.fnUntraced(function*(options: AnswerStreamOptions): Effect.fn.Return<AnswerStream> {
  const opening = yield* Deferred.make<Opening>()
  const opened = yield* Deferred.make<{ readonly log: EventLog; readonly reader: EventReader }>()
  const disconnected = yield* Deferred.make<void>()
  // Claimed at once and without waiting, whichever side comes first: there is exactly one opening.
  let claimed: "Json" | "Sse" | undefined
  let answered = false

  const begin = Effect.gen(function*() {
    const log = yield* options.log
    const reader = options.resumable === false ? withoutIds(log.reader(0)) : log.reader(0)
    if (Deferred.isDoneUnsafe(disconnected)) yield* reader.close
    if (options.priming) yield* log.append("")
    yield* Deferred.succeed(opening, { _tag: "Sse", log, reader, headers: options.headers ?? {} })
    return { log, reader }
  }).pipe(Deferred.into(opened))

  const stream = Effect.uninterruptible(Effect.suspend(() => {
    if (claimed === "Json") return Effect.succeedNone
    const first = claimed === undefined
    claimed = "Sse"
    return Effect.andThen(first ? begin : Effect.void, Effect.asSome(Deferred.await(opened)))
  }))

  const append = (data: string, supersedes?: string) =>
    Effect.flatMap(stream, (opened) =>
      Option.isNone(opened)
        ? Effect.void
        : Effect.andThen(opened.value.log.room(data.length), opened.value.log.append(data, supersedes)))

  const answerAsEvent = (body: Json["body"]) =>
    Effect.flatMap(Deferred.await(opened), ({ log }) =>
      Effect.ensuring(
        Effect.flatMap(
          body._tag === "Whole" ? Effect.succeed(body.text) : collected(options.id, body.chunks),
          (text) => append(text)
        ),
        log.end
      ))

  return {
    stream: Effect.asVoid(stream),
    becomeStream: Effect.asVoid(stream),
    opening: Deferred.await(opening),
    message: append,
    answer: (answer) =>
      Effect.suspend(() => {
        if (answered) return Effect.void
        answered = true
        claimed ??= "Json"
        if (claimed === "Sse") return answerAsEvent(answer.body)
        // Claimed and opened in one step: an interruption in between would leave the client without either.
        Deferred.doneUnsafe(opening, Effect.succeed(answer))
        return Effect.void
      }),
    poll: Effect.suspend(() =>
      claimed === "Sse" && options.priming
        ? Effect.flatMap(Deferred.await(opened), ({ log }) => log.pause)
        : Effect.void
    ),
    abandon: Effect.gen(function*() {
      answered = true
      const opened = yield* stream
      if (Option.isSome(opened)) yield* opened.value.log.end
    }),
    disconnected: Deferred.await(disconnected),
    disconnect: Effect.gen(function*() {
      yield* Deferred.succeed(disconnected, undefined)
      if (claimed === "Sse") yield* Effect.flatMap(Deferred.await(opened), ({ reader }) => reader.close)
    })
  }
})

const withoutIds = (reader: EventReader): EventReader => ({
  ...reader,
  next: Effect.map(reader.next, Option.map((event) => ({ ...event, id: undefined })))
})

const collected = Effect.fnUntraced(function*(id: string, chunks: Pull<Uint8Array>) {
  const parts: Array<Uint8Array> = []
  let size = 0
  while (true) {
    const chunk = yield* chunks
    if (Option.isNone(chunk)) return Buffer.concat(parts).toString()
    size += chunk.value.length
    if (size > mostCollected) {
      return errorText(id, {
        code: codes.relay,
        message: `the relay's answer is larger than ${mostCollected} bytes and came too late to be passed on as JSON; `
          + "the call was carried out",
        data: { delivery: "unknown" }
      })
    }
    parts.push(chunk.value)
  }
}, (effect, id) => Effect.catch(effect, (failure: RelayFailure) => Effect.succeed(cutOff(id, failure))))

const cutOff = (id: string, failure: RelayFailure): string =>
  errorText(id, { code: codes.relay, message: failure.message, data: { delivery: failure.delivery } })
