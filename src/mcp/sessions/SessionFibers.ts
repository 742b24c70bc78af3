/**
 * The fibers of one session: its requests by name, the relay's stream to it, and work that nobody waits for. They end
 * with the session. Thousands of sessions have none most of the time, and then nothing is held for them.
 */
import { Effect, Fiber } from "effect"

export type Fork = <A>(work: Effect.Effect<A>) => Fiber.Fiber<A>

export class SessionFibers {
  readonly #fork: Fork
  #requests: Map<string, Fiber.Fiber<unknown>> | undefined
  #background: Set<Fiber.Fiber<unknown>> | undefined
  #stream: Fiber.Fiber<unknown> | undefined
  #onIdle: Array<() => void> | undefined
  #closed = false

  constructor(fork: Fork) {
    this.#fork = fork
  }

  inBackground<A>(work: Effect.Effect<A>): Fiber.Fiber<A> {
    const fiber = this.#start(work)
    this.#keep(fiber)
    return fiber
  }

  /** Under a name that is in use the request that uses it is interrupted. */
  request(name: string, work: Effect.Effect<unknown>): Fiber.Fiber<unknown> {
    this.#requests?.get(name)?.interruptUnsafe()
    const fiber = this.#start(work)
    this.#requests ??= new Map()
    this.#requests.set(name, fiber)
    fiber.addObserver(() => this.#forget(name, fiber))
    return fiber
  }

  hasRequest(name: string): boolean {
    return this.#requests?.has(name) === true
  }

  get isBusy(): boolean {
    return this.#requests !== undefined
  }

  /** It is done when this returns. */
  cancelRequest(name: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const fiber = this.#requests?.get(name)
      if (fiber === undefined) return Effect.void
      this.#forget(name, fiber)
      return Fiber.interrupt(fiber)
    })
  }

  /** Ends all requests that are under way; they have ended when this returns. */
  get interruptRequests(): Effect.Effect<void> {
    return Effect.suspend(() => Fiber.interruptAll([...this.#requests?.values() ?? []]))
  }

  /** Returns once no request is under way. */
  get idle(): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.#requests === undefined ? Effect.void : Effect.callback<void>((resume) => {
        this.#onIdle ??= []
        this.#onIdle.push(() => resume(Effect.void))
      })
    )
  }

  /** One at a time: while it runs another is not started. */
  holdStream(work: Effect.Effect<unknown>): void {
    if (this.#stream === undefined) this.replaceStream(work)
  }

  replaceStream(work: Effect.Effect<unknown>): void {
    this.endStream()
    const fiber = this.#start(work)
    this.#stream = fiber
    fiber.addObserver(() => {
      if (this.#stream === fiber) this.#stream = undefined
    })
  }

  endStream(): void {
    const fiber = this.#stream
    if (fiber === undefined) return
    this.#stream = undefined
    fiber.interruptUnsafe()
    this.#keep(fiber)
  }

  /** All have ended when this returns, and no more are started. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#closed = true
      this.endStream()
      return Fiber.interruptAll([...this.#requests?.values() ?? [], ...this.#background ?? []])
    })
  }

  #start<A>(work: Effect.Effect<A>): Fiber.Fiber<A> {
    return this.#fork(this.#closed ? Effect.interrupt : work)
  }

  #keep(fiber: Fiber.Fiber<unknown>): void {
    const all = this.#background ??= new Set()
    all.add(fiber)
    fiber.addObserver(() => {
      all.delete(fiber)
      if (all.size === 0 && this.#background === all) this.#background = undefined
    })
  }

  #forget(name: string, fiber: Fiber.Fiber<unknown>): void {
    if (this.#requests?.get(name) !== fiber) return
    this.#requests.delete(name)
    if (this.#requests.size > 0) return
    this.#requests = undefined
    const waiting = this.#onIdle ?? []
    this.#onIdle = undefined
    for (const resume of waiting) resume()
  }
}
