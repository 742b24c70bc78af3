/**
 * The stdio bridge's side towards the daemon: one request or stream over HTTP, over restarts of the daemon.
 *
 * What was not sent is sent again once the daemon is back; what only reads, too. Of anything else whose answer was lost,
 * that is said: it may have been carried out.
 */
import { Data, Effect, Result, Schedule } from "effect"
import { SseDecoder } from "../../domain/SseDecoder.ts"
import type { SseEvent } from "../../domain/SseEvent.ts"

/** No connection, or one that broke. */
export class LegBroken extends Data.TaggedError("LegBroken")<{
  /** The daemon may have taken it. */
  readonly sent: boolean
  readonly detail: string
  /** The configuration is gone or not valid, so no daemon can start. */
  readonly isFinal?: boolean
}> {}

export interface Answer {
  readonly status: number
  readonly session: string | null
  readonly body: Response["body"]
  readonly isStream: boolean
  readonly text: Effect.Effect<string, LegBroken>
}

const codeOf = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (cause instanceof Error && "code" in cause && typeof cause.code === "string") return cause.code
  return cause instanceof Error ? cause.message : String(cause)
}

const neverSent = new Set(["ECONNREFUSED", "ENOTFOUND", "EHOSTUNREACH", "UND_ERR_CONNECT_TIMEOUT"])

const broken = (error: unknown): LegBroken => {
  const detail = codeOf(error)
  return new LegBroken({ sent: !neverSent.has(detail), detail })
}

/** One exchange; interruption closes it. */
export const exchange = (
  url: string,
  method: "POST" | "GET" | "DELETE",
  headers: Readonly<Record<string, string>>,
  body?: string
): Effect.Effect<Answer, LegBroken> =>
  Effect.callback((resume) => {
    const closing = new AbortController()
    const init = { method, headers, signal: closing.signal, ...(body === undefined ? {} : { body }) }
    fetch(url, init).then(
      (response) =>
        resume(Effect.succeed({
          status: response.status,
          session: response.headers.get("mcp-session-id"),
          body: response.body,
          isStream: response.headers.get("content-type")?.startsWith("text/event-stream") === true,
          text: Effect.tryPromise({ try: () => response.text(), catch: broken })
        })),
      (error: unknown) => resume(Effect.fail(broken(error)))
    )
    return Effect.sync(() => closing.abort())
  })

/** The events of a stream in order; returns at its end, however that came. */
export const events = Effect.fnUntraced(
  function*(body: Response["body"], onEvent: (event: SseEvent) => Effect.Effect<boolean>) {
    const reader = body?.getReader()
    if (reader === undefined) return
    const decoder = new SseDecoder()
    const read = Effect.tryPromise({ try: () => reader.read(), catch: broken })
    yield* Effect.gen(function*() {
      while (true) {
        const next = yield* Effect.result(read)
        if (Result.isFailure(next) || next.success.done) return
        const decoded = decoder.push(next.success.value)
        if (Result.isFailure(decoded)) return
        for (const event of decoded.success) if (!(yield* onEvent(event))) return
      }
    }).pipe(Effect.ensuring(Effect.promise(() => reader.cancel().catch(() => {}))))
  }
)

/** Between attempts to reach a daemon that restarts. */
export const again = Schedule.spaced("250 millis").pipe(Schedule.upTo({ duration: "60 seconds" }))
