/**
 * What comes piece by piece, read by callbacks: who reads sleeps until something is decided, and is not woken for each
 * piece. So a stream of a thousand events costs its fiber as much as an answer that comes whole.
 */
import { Effect, type Option } from "effect"
import type { RelayFailure } from "../RelayFailure.ts"

export interface Incoming<A> {
  /**
   * Calls `onItem` with each item in order, as soon as it is here, until that gives an effect, which becomes the result:
   * an answer that was found, or a wait, after which the caller reads on. `None` where the items end before. One reader
   * at a time.
   */
  readonly until: <B>(
    onItem: (item: A) => Effect.Effect<Option.Option<B>, RelayFailure> | undefined
  ) => Effect.Effect<Option.Option<B>, RelayFailure>
}

/** A body's bytes. */
export interface IncomingBytes extends Incoming<Uint8Array> {
  /** Nothing more is to come than what can be read without a wait. */
  readonly hasArrived: boolean
}

/** Nothing. */
export const ended: IncomingBytes = { hasArrived: true, until: () => Effect.succeedNone }

/** These first, then the rest. */
export const after = (first: ReadonlyArray<Uint8Array>, rest: IncomingBytes): IncomingBytes => {
  let next = 0
  return {
    get hasArrived() {
      return rest.hasArrived
    },
    until: (onItem) =>
      Effect.suspend(() => {
        for (let chunk = first[next]; chunk !== undefined; chunk = first[next]) {
          next++
          const done = onItem(chunk)
          if (done !== undefined) return done
        }
        return rest.until(onItem)
      })
  }
}

export const ofText = (text: string): IncomingBytes => after([Buffer.from(text, "utf8")], ended)
