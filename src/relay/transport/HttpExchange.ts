/**
 * One HTTP exchange over undici: first the head, then the body as it is read.
 *
 * A request is "not sent" only where undici never had a connection to write it on. Reading from the socket stops while
 * 64 KiB wait to be read, so a slow reader slows the relay down instead of filling memory.
 */
import { Effect, type Option } from "effect"
import type { Dispatcher } from "undici"
import { AnswerCutOff, ConnectFailed, ConnectionLost, OutOfDescriptors, RelayFailure } from "../RelayFailure.ts"
import type { IncomingBytes } from "./Incoming.ts"
import type { AttemptWatch } from "./RelayAnswer.ts"
import type { RawHeaders } from "./ResponseHeaders.ts"

export interface ResponseHead {
  readonly status: number
  readonly headers: RawHeaders
}

const highWater = 64 * 1024
/** How much of an answer that nobody reads on is let through, and how long, to keep the connection for the next one. */
const drainBytes = 64 * 1024
const drainMillis = 250

export class HttpExchange implements Dispatcher.DispatchHandler, IncomingBytes {
  readonly #watch: AttemptWatch | undefined
  #controller: Dispatcher.DispatchController | undefined
  #head: ResponseHead | undefined
  #chunks: Array<Uint8Array> = []
  #buffered = 0
  #paused = false
  #drained = 0
  #released = false
  #ended = false
  #failure: RelayFailure | undefined
  #wake: (() => void) | undefined

  constructor(watch: AttemptWatch | undefined) {
    this.#watch = watch
    watch?.listen(this.#onWatchEnds)
  }

  get head(): Effect.Effect<ResponseHead, RelayFailure> {
    return this.#settled(() => {
      if (this.#head !== undefined) return Effect.succeed(this.#head)
      return this.#failure === undefined ? undefined : Effect.fail(this.#failure)
    })
  }

  /** The body's chunks. */
  until<B>(
    onChunk: (chunk: Uint8Array) => Effect.Effect<Option.Option<B>, RelayFailure> | undefined
  ): Effect.Effect<Option.Option<B>, RelayFailure> {
    return this.#settled(() => {
      for (let chunk = this.#take(); chunk !== undefined; chunk = this.#take()) {
        const done = onChunk(chunk)
        if (done !== undefined) return done
      }
      if (this.#ended) return Effect.succeedNone
      return this.#failure === undefined ? undefined : Effect.fail(this.#failure)
    })
  }

  get hasArrived(): boolean {
    return this.#ended
  }

  #take(): Uint8Array | undefined {
    const chunk = this.#chunks.shift()
    if (chunk === undefined) return undefined
    this.#buffered -= chunk.length
    if (this.#paused && this.#buffered < highWater) {
      this.#paused = false
      this.#controller?.resume()
    }
    return chunk
  }

  /** The watch has given it up: who waits is told why. */
  readonly #onWatchEnds = (failure: RelayFailure): void => {
    if (this.#ended || this.#failure !== undefined) return
    this.abort()
    this.#failure = failure
    this.#arrives()
  }

  /**
   * What `poll` gives as soon as it gives something; it is asked whenever something has come. One waiter at a time: the
   * head is awaited first, then the body by one reader.
   */
  #settled<A>(poll: () => Effect.Effect<A, RelayFailure> | undefined): Effect.Effect<A, RelayFailure> {
    return Effect.suspend(() =>
      poll() ?? Effect.callback<A, RelayFailure>((resume) => {
        const wake = () => {
          const settled = this.#wake === wake ? safely(poll) : undefined
          if (settled === undefined) return
          this.#wake = undefined
          resume(settled)
        }
        this.#wake = wake
        return Effect.sync(() => {
          this.#wake = undefined
        })
      })
    )
  }

  /** Once undici has read the packet at hand, so that who is woken sees all that it brought. */
  #arrives(): void {
    if (this.#wake !== undefined) queueMicrotask(this.#wake)
  }

  /** Breaks the exchange off, whatever its state. */
  abort(): void {
    if (this.#ended || this.#failure !== undefined) return
    this.#released = true
    this.#chunks = []
    this.#controller?.abort(new Error("released"))
  }

  /** Nobody reads on. An answer that is about to end may, so that its connection serves the next request. */
  finish(): void {
    if (this.#ended || this.#failure !== undefined || this.#released) return
    if (this.#head === undefined) return this.abort()
    this.#released = true
    this.#chunks = []
    setTimeout(() => this.abort(), drainMillis).unref()
    this.#controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#released) controller.abort(new Error("released"))
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: RawHeaders): void {
    if (status < 200) return
    this.#head = { status, headers }
    this.#arrives()
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#released) {
      this.#drained += chunk.length
      if (this.#drained > drainBytes) this.abort()
      return
    }
    this.#watch?.heard()
    this.#chunks.push(chunk)
    this.#buffered += chunk.length
    if (this.#buffered >= highWater) {
      this.#paused = true
      controller.pause()
    }
    this.#arrives()
  }

  onResponseEnd(): void {
    this.#watch?.unlisten(this.#onWatchEnds)
    this.#ended = true
    this.#arrives()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#watch?.unlisten(this.#onWatchEnds)
    this.#failure ??= new RelayFailure({ reason: this.#reason(detail(error)) })
    this.#arrives()
  }

  #reason(detail: string) {
    if (this.#controller === undefined) {
      return /\b(EMFILE|ENFILE)\b/.test(detail) ? new OutOfDescriptors() : new ConnectFailed({ detail })
    }
    return this.#head === undefined ? new ConnectionLost({ detail }) : new AnswerCutOff({ detail })
  }
}

/** Nobody above would catch what a reader throws. */
const safely = <A>(poll: () => Effect.Effect<A, RelayFailure> | undefined) => {
  try {
    return poll()
  } catch (defect) {
    return Effect.die(defect)
  }
}

/** OpenSSL puts a thread, numbers and a file of its own around the few words that say something, and ends the line. */
const openSsl = /^[0-9A-F]+:error:[0-9A-F]+:[^:]*:[^:]*:([^:]+):.*$/s

const detail = (error: Error): string => {
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name
  return error.message === "" ? code : error.message.replace(openSsl, "TLS failed: $1")
}
