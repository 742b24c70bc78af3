/**
 * One HTTP exchange over undici: first the head, then the body as it is pulled.
 *
 * A request is "not sent" only where undici never had a connection to write it on. Reading from the socket stops while
 * 64 KiB wait to be pulled, so a slow reader slows the relay down instead of filling memory.
 */
import { Effect, Option } from "effect"
import type { Dispatcher } from "undici"
import { AnswerCutOff, ConnectFailed, ConnectionLost, OutOfDescriptors, RelayFailure } from "../RelayFailure.ts"
import type { AttemptWatch, Pull } from "./RelayAnswer.ts"
import type { RawHeaders } from "./ResponseHeaders.ts"

export interface ResponseHead {
  readonly status: number
  readonly headers: RawHeaders
}

const highWater = 64 * 1024
/** How much of an answer that nobody reads on is let through, and how long, to keep the connection for the next one. */
const drainBytes = 64 * 1024
const drainMillis = 250

export class HttpExchange implements Dispatcher.DispatchHandler {
  readonly #watch: AttemptWatch | undefined
  #controller: Dispatcher.DispatchController | undefined
  #head: ResponseHead | undefined
  #chunks: Array<Uint8Array> = []
  #buffered = 0
  #drained = 0
  #released = false
  #ended = false
  #failure: RelayFailure | undefined
  #wake: (() => void) | undefined

  constructor(watch: AttemptWatch | undefined) {
    this.#watch = watch
    watch?.listen(this.#onWatchEnds)
  }

  readonly head: Effect.Effect<ResponseHead, RelayFailure> = this.#until(() => {
    if (this.#head !== undefined) return Effect.succeed(this.#head)
    return this.#failure === undefined ? undefined : Effect.fail(this.#failure)
  })

  readonly chunks: Pull<Uint8Array> = this.#until(() => {
    const chunk = this.#chunks.shift()
    if (chunk !== undefined) {
      this.#buffered -= chunk.length
      if (this.#buffered < highWater) this.#controller?.resume()
      return Effect.succeed(Option.some(chunk))
    }
    if (this.#ended) return Effect.succeed(Option.none())
    return this.#failure === undefined ? undefined : Effect.fail(this.#failure)
  })

  /** Whether all of the body is here, pulled or not. */
  get arrived(): boolean {
    return this.#ended
  }

  /** The watch has given it up: who waits is told why. */
  readonly #onWatchEnds = (failure: RelayFailure): void => {
    if (this.#ended || this.#failure !== undefined) return
    this.abort()
    this.#failure = failure
    this.#arrives()
  }

  /** One waiter at a time: the head is awaited first, then the body by one reader. */
  #until<A>(
    poll: () => Effect.Effect<A, RelayFailure> | undefined
  ): Effect.Effect<A, RelayFailure> {
    return Effect.suspend(() =>
      poll() ?? Effect.callback<A, RelayFailure>((resume) => {
        const wake = () => {
          const settled = this.#wake === wake ? poll() : undefined
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
    if (this.#buffered >= highWater) controller.pause()
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

/** OpenSSL puts a thread, numbers and a file of its own around the few words that say something, and ends the line. */
const openSsl = /^[0-9A-F]+:error:[0-9A-F]+:[^:]*:[^:]*:([^:]+):.*$/s

const detail = (error: Error): string => {
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name
  return error.message === "" ? code : error.message.replace(openSsl, "TLS failed: $1")
}
