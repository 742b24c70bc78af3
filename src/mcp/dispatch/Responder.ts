/**
 * Delivers the answer to one request: JSON when it comes whole in time, SSE when the relay streams or takes long
 * (BEHAVIOUR 1). Nobody else writes to the answer.
 *
 * The request runs on in its session's scope: a client that drops its connection cancels nothing in the legacy era, and
 * may resume a stream by its event ids.
 */
import { Effect, type Option } from "effect"
import { codes, text as errorText } from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type { RelayFailure } from "../../relay/RelayFailure.ts"
import { collect } from "../../relay/transport/BodyText.ts"
import type { IncomingBytes } from "../../relay/transport/Incoming.ts"
import type { Deadline, Deadlines } from "../../supervision/Deadlines.ts"
import { type Ahead, type Answer, type Position, progressPrefix } from "../handlers/Handler.ts"
import type { Answering, Connection } from "../streams/Connection.ts"
import type { EventLog } from "../streams/EventLog.ts"
import type { EventLogs, LogOptions } from "../streams/EventLogs.ts"
import type { EventStream } from "../streams/EventStream.ts"
import type { OpenStreams } from "../streams/OpenStreams.ts"

/** Small enough to be below any step of a relay's own. */
const smallStep = 1e-6

/**
 * So long a stream of the relay may say nothing before ours begins, milliseconds. Most are the answer alone: that leaves
 * whole, and there is nothing to resume.
 */
const streamBeginsAfter = 100

/** What an answer may have in all that comes in chunks to a client that has to get it as one event. */
const maxCollectedBytes = 16 * 1024 * 1024

export interface ResponderServices {
  readonly deadlines: Deadlines["Service"]
  readonly logs: EventLogs["Service"]
  readonly openStreams: OpenStreams["Service"]
  /** How long nothing may be said to a client that asked for progress before it is told that the call lives, milliseconds. */
  readonly progressAfter: number
}

export interface ResponderOptions {
  readonly connection: Connection
  /** Made when the answer becomes a stream; most never do. */
  readonly log: LogOptions
  /** Whether the stream begins with an event that only tells its id (MCP 2025-11-25), so that it can be resumed at once. */
  readonly priming: boolean
  /** Whether events carry ids by which the stream can be resumed; the modern era knows no resuming. */
  readonly resumable: boolean
  /** After this without an answer it becomes a stream, milliseconds, so that no client's header timeout ends it. */
  readonly streamAfter: number
  /** The request's id, as it stands in its text. */
  readonly id: string
  /** Under which the client asked to be told of progress, as it stands in the text. */
  readonly progressToken?: string | undefined
  /** Nothing was said for so long that a client may give up; whether it is answered something else now. */
  readonly onQuiet?: (() => boolean) | undefined
  /** The client has gone before the answer was complete. */
  readonly onGone: () => void
  /** The answer could not leave, or its client was gone before it had; `undefined` where a part of it may have left. */
  readonly onMissed?: ((answer: Answer | undefined) => void) | undefined
}

export class Responder implements Ahead, Answering {
  readonly #services: ResponderServices
  readonly #options: ResponderOptions
  readonly #switch: Deadline
  /** `streamBegins`: the relay's stream has begun, and has said nothing yet. */
  #state: "waiting" | "streamBegins" | "whole" | "stream" | "ended" = "waiting"
  #log: EventLog | undefined
  #stream: EventStream | undefined
  #begins: Deadline | undefined
  readonly #quiet: Deadline | undefined
  /** The relay's last word on its progress, and how often we spoke since. */
  #lastProgress: string | undefined
  #signsOfLife = 0
  /** What leaves, where it is wanted if it does not. */
  #leaving: Answer | undefined

  constructor(services: ResponderServices, options: ResponderOptions) {
    this.#services = services
    this.#options = options
    this.#switch = services.deadlines.after(options.streamAfter, () => this.#becomeStream())
    this.#quiet = options.progressToken === undefined && options.onQuiet === undefined
      ? undefined
      : services.deadlines.after(services.progressAfter, () => this.#wasQuiet())
    options.connection.answering = this
  }

  #wasQuiet(): void {
    if (this.#state === "whole" || this.#state === "ended") return
    this.#quiet?.restart()
    if (this.#options.onQuiet?.() !== true) this.showLife()
  }

  /**
   * Clients give a quiet call up, and comments do not count with them. The number rises, and stays below what the relay
   * may say next.
   */
  showLife(): void {
    const { progressToken } = this.#options
    if (progressToken === undefined || this.#state === "whole" || this.#state === "ended") return
    const last = Number(JsonText.at(this.#lastProgress ?? "{}", ["params", "progress"]) ?? 0)
    const progress = (Number.isFinite(last) ? last : 0) + ++this.#signsOfLife * smallStep
    this.#becomeStream()?.append(
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${progressToken},`
        + `"progress":${progress},"message":"the relay is still at work"}}`,
      `${progressPrefix}${progressToken}`
    )
  }

  #passes(data: string, supersedes: string | undefined): void {
    this.#quiet?.restart()
    if (supersedes?.startsWith(progressPrefix) !== true) return
    this.#lastProgress = data
    this.#signsOfLife = 0
  }

  /** What the answer has become by now; one that became a stream stays one. */
  #becomeStream(): EventLog | undefined {
    if (this.#state !== "waiting" && this.#state !== "streamBegins") return this.#log
    const { logs, openStreams } = this.#services
    const { connection, log: options, priming, resumable } = this.#options
    this.#state = "stream"
    this.#switch.cancel()
    this.#begins?.cancel()
    const log = logs.make(options)
    this.#log = log
    const reader = log.reader(0)
    if (priming) log.append("")
    // Nobody can resume a stream of the modern era, so nothing of it is kept.
    const onEnd = () => {
      if (!resumable) logs.forget(log)
    }
    if (connection.closed) {
      reader.close()
      onEnd()
    } else this.#stream = openStreams.open({ connection, reader, resumable, answers: true, onEnd })
    return log
  }

  gone(): void {
    this.#stream?.close()
    this.#options.onGone()
    if (this.#leaving !== undefined) this.#options.onMissed?.(this.#leaving)
  }

  /** The relay has begun a stream, which says nothing yet. */
  relayStreams(): void {
    // A client that was told an id can resume from here on. One that was not waits for minutes when such a stream is cut.
    if (this.#state !== "waiting" || !this.#options.priming) return
    this.#state = "streamBegins"
    this.#begins = this.#services.deadlines.after(streamBeginsAfter, () => {
      if (this.#state === "streamBegins") this.#becomeStream()
    })
  }

  relayPolls(): void {
    if (this.#options.priming) this.#becomeStream()?.pause()
  }

  /** After a JSON answer there is no place for a message, and it is dropped. */
  offer(data: string, supersedes?: string): boolean {
    const log = this.#becomeStream()
    if (log !== undefined && !log.hasRoom(data.length)) return false
    this.#passes(data, supersedes)
    log?.append(data, supersedes)
    return true
  }

  message(data: string, supersedes?: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const log = this.#becomeStream()
      if (log === undefined) return Effect.void
      this.#passes(data, supersedes)
      return Effect.andThen(log.room(data.length), Effect.sync(() => log.append(data, supersedes)))
    })
  }

  position(): Position {
    const log = this.#becomeStream()
    return { stream: log?.id ?? "", sequence: log?.last ?? 0 }
  }

  /** The answer leaves; returns when all of it has. */
  deliver(answer: Answer): Effect.Effect<void> {
    return Effect.suspend(() => this.#leave(answer) ?? Effect.void)
  }

  /** Answers while the request goes on: what comes of it later was missed. Whether that could leave, and nothing else had. */
  handOver(text: string): boolean {
    const { connection } = this.#options
    if (this.#state === "whole" || this.#state === "ended" || connection.closed) return false
    const isStream = this.#state === "stream"
    for (const deadline of [this.#quiet, this.#switch, this.#begins]) deadline?.cancel()
    this.#state = "ended"
    if (isStream) {
      this.#log?.append(text)
      this.#log?.end()
    } else connection.reply(200, text)
    return true
  }

  /** Gives what is left to wait for. */
  #leave(answer: Answer): Effect.Effect<void> | undefined {
    const { body, encoded, headers, status } = answer
    const { connection, id } = this.#options
    const state = this.#state
    if (state === "ended") return void this.#miss(answer)
    this.#quiet?.cancel()
    if (state === "streamBegins" && body._tag === "Chunks") this.#becomeStream()
    if (this.#state === "stream") {
      if (body._tag === "Chunks") {
        return Effect.map(
          collected(id, body.chunks),
          (text) => this.#endWith(text, { ...answer, body: { _tag: "Whole", text } })
        )
      }
      this.#endWith(body.text, answer)
      return undefined
    }
    if (state === "whole") {
      // Half of another answer has left: a broken connection at least does not look like a whole one.
      if (!connection.closed) connection.destroy()
      return undefined
    }
    this.#switch.cancel()
    this.#begins?.cancel()
    this.#state = "whole"
    if (connection.closed && body._tag === "Whole") return void this.#miss(answer)
    if (this.#options.onMissed !== undefined && body._tag === "Whole") this.#leaving = answer
    if (state === "streamBegins" && body._tag === "Whole") connection.replyEvent(body.text)
    else if (encoded !== undefined) connection.replyEncoded(status, encoded, headers)
    else if (body._tag === "Whole") connection.reply(status, body.text, headers)
    else return passOn(connection, answer, body, id, () => this.#options.onMissed?.(undefined))
    return undefined
  }

  /** Nobody is there to take it. */
  #miss(answer: Answer): void {
    this.#options.onMissed?.(answer)
  }

  #endWith(text: string, answer: Answer): void {
    this.#log?.append(text)
    this.#log?.end()
    this.#state = "ended"
    if (this.#options.connection.closed) this.#miss(answer)
    else if (this.#options.onMissed !== undefined) this.#leaving = answer
  }

  /** No answer will come, since the request was cancelled; the response ends without one. */
  abandon(): void {
    this.#quiet?.cancel()
    this.#becomeStream()?.end()
    this.#state = "ended"
  }
}

/** Chunk by chunk, as fast as the client takes them. */
const passOn = (
  connection: Connection,
  { headers, status }: Answer,
  { chunks, length }: { readonly chunks: IncomingBytes; readonly length?: number | undefined },
  id: string,
  missed: () => void
): Effect.Effect<void> => {
  let begun = false
  const begin = () => {
    if (!begun) connection.beginJson(status, headers, length)
    begun = true
  }
  const pass: Effect.Effect<Option.Option<void>, RelayFailure> = Effect.suspend(() =>
    chunks.until<void>((chunk) => {
      begin()
      if (connection.closed) return Effect.succeedNone
      return connection.write(chunk) ? undefined : Effect.andThen(drained(connection), pass)
    })
  )
  return Effect.match(pass, {
    onSuccess: () => {
      begin()
      if (connection.closed) missed()
      connection.end()
    },
    // Half an answer can't be taken back; a broken connection at least doesn't look like a whole one.
    onFailure: (failure) => begun ? connection.destroy() : connection.reply(200, failureText(id, failure))
  })
}

const drained = (connection: Connection): Effect.Effect<void> =>
  Effect.callback<void>((resume) => connection.onDrain(() => resume(Effect.void)))

/** What comes in chunks, as one text; its failure is an error response. */
export const collected = (id: string, chunks: IncomingBytes): Effect.Effect<string> =>
  Effect.match(collect(chunks, maxCollectedBytes), {
    onSuccess: (body) =>
      body._tag === "Whole" ? body.text : errorText(id, {
        code: codes.relay,
        message: `the relay's answer is larger than ${maxCollectedBytes} bytes and came too late to be passed on as `
          + "JSON; the call was carried out",
        data: { delivery: "unknown" }
      }),
    onFailure: (failure) => failureText(id, failure)
  })

const failureText = (id: string, failure: RelayFailure): string =>
  errorText(id, { code: codes.relay, message: failure.message, data: { delivery: failure.delivery } })
