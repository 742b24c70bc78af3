/** A control plane in memory: what it has been pushed, and how it answers. */
import { Effect, Option, Queue, Redacted, Stream } from "effect"
import {
  type Plane,
  PlaneFailure,
  type PlaneMessage,
  type PlaneStatus,
  type PlaneToken,
  type Push
} from "../../src/uplink/Plane.ts"

export const refusal = (status: PlaneStatus): PlaneFailure => new PlaneFailure({ status, detail: "scripted" })

const textOf = (token: PlaneToken): string => Option.match(token, { onNone: () => "", onSome: Redacted.value })

export class ScriptedPlane {
  /** In the order in which it took them, doubles included. */
  readonly taken: Array<Push> = []
  attempts = 0
  maxAtOnce = 0
  readonly watchedFrom: Array<number> = []
  readonly tokens: Array<string> = []
  /** How a push is answered: a failure before or after the plane took it. */
  answer: (push: Push, token: string) => { readonly takes: boolean; readonly failure?: PlaneFailure } = () => ({
    takes: true
  })
  refuseWatch: PlaneFailure | undefined
  messages: Array<PlaneMessage> = []
  #atOnce = 0
  #watching: Queue.Queue<PlaneMessage, PlaneFailure> | undefined

  /** Says a message to whoever watches, and to who comes later. */
  say(message: PlaneMessage): void {
    this.messages.push(message)
    if (this.#watching !== undefined) Queue.offerUnsafe(this.#watching, message)
  }

  /** Ends the watch that is open. */
  endWatch(failure: PlaneFailure): Effect.Effect<unknown> {
    return Effect.suspend(() => this.#watching === undefined ? Effect.void : Queue.fail(this.#watching, failure))
  }

  readonly plane: Plane = {
    push: (push, token) =>
      Effect.gen({ self: this }, function*() {
        this.attempts++
        this.tokens.push(textOf(token))
        this.#atOnce++
        this.maxAtOnce = Math.max(this.maxAtOnce, this.#atOnce)
        const { failure, takes } = this.answer(push, textOf(token))
        if (takes) this.taken.push(push)
        yield* Effect.yieldNow
        this.#atOnce--
        if (failure !== undefined) return yield* failure
      }),
    watch: (after, _, onOpen) =>
      Stream.unwrap(Effect.gen({ self: this }, function*() {
        this.watchedFrom.push(after)
        if (this.refuseWatch !== undefined) return Stream.fail(this.refuseWatch)
        onOpen()
        const queue = yield* Queue.unbounded<PlaneMessage, PlaneFailure>()
        for (const message of this.messages) if (message.seq > after) Queue.offerUnsafe(queue, message)
        this.#watching = queue
        return Stream.fromQueue(queue)
      })),
    watchInbox: () => Stream.never,
    disconnect: Effect.void
  }

  /** Each record once, in the order of its first coming, as a plane that dedupes has them. */
  get deduped(): ReadonlyArray<string> {
    return [...new Map(this.taken.map((push) => [push.key, push.payload])).values()]
  }
}
