/**
 * The requests of one connection that wait for an answer, and what settles each of them, once: its answer, its bound, the
 * answer to the STATUS behind it, or the connection's end.
 */
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import type { Deadline, Deadlines } from "../../supervision/Deadlines.ts"
import { ConnectFailed, ConnectionLost, RelayFailure, TimedOut } from "../RelayFailure.ts"
import { answers } from "./ClientState.ts"
import type { Envelope } from "./SocketEnvelope.ts"

/** The daemon answered what was sent behind a message, and nobody acknowledged it: it was taken, that is all. */
export const taken = "TAKEN"

export type Settle<A> = (exit: Effect.Effect<A, RelayFailure>) => void

export interface UnderWay {
  readonly id: string
  /** Of a message: its ACK carries it. */
  readonly correlationId: string | undefined
  readonly settle: Settle<Envelope>
  /** Its frame is with the kernel, every byte of it. */
  isWhole: boolean
}

interface Entry extends UnderWay {
  readonly timeout: Deadline
  /** The STATUS behind it, for a daemon that may not acknowledge at all. */
  fence: string | undefined
  /** Runs from the fence's answer on. */
  grace: Deadline | undefined
}

export class RequestsUnderWay {
  readonly #entries = new Map<string, Entry>()
  readonly #deadlines: Deadlines["Service"]
  readonly #ackWait: number
  /** The daemon acknowledges by itself: an ACK is waited for to the end. */
  #acknowledges = false

  constructor(deadlines: Deadlines["Service"], ackWait: number) {
    this.#deadlines = deadlines
    this.#ackWait = ackWait
  }

  get size(): number {
    return this.#entries.size
  }

  has(id: string): boolean {
    return this.#entries.has(id)
  }

  /** What is known of the daemon is of one connection. */
  begin(acknowledges: boolean): void {
    this.#acknowledges = acknowledges
  }

  add(id: string, isMessage: boolean, timeout: number, settle: Settle<Envelope>): UnderWay {
    const entry: Entry = {
      id,
      correlationId: isMessage ? randomUUID() : undefined,
      isWhole: false,
      fence: undefined,
      grace: undefined,
      settle: (exit) => {
        this.forget(id)
        settle(exit)
      },
      timeout: this.#deadlines.after(timeout, () => entry.settle(tooLate(entry, timeout)))
    }
    this.#entries.set(id, entry)
    return entry
  }

  /** The id of the STATUS to send behind this message, where the daemon may not acknowledge it. */
  fence(id: string): string | undefined {
    const entry = this.#entries.get(id)
    if (entry?.correlationId === undefined || this.#acknowledges) return undefined
    entry.fence = randomUUID()
    return entry.fence
  }

  forget(id: string): void {
    const entry = this.#entries.get(id)
    entry?.timeout.cancel()
    entry?.grace?.cancel()
    this.#entries.delete(id)
  }

  /** What answers nothing goes nowhere. */
  answer(envelope: Envelope): void {
    for (const entry of this.#entries.values()) {
      if (answers(envelope, entry.id, entry.correlationId)) {
        if (envelope.type === "ACK") this.#acknowledges = true
        return entry.settle(Effect.succeed(envelope))
      }
      if (entry.fence === undefined || !answers(envelope, entry.fence, undefined)) continue
      entry.fence = undefined
      entry.grace = this.#deadlines.after(
        this.#ackWait,
        () => entry.settle(Effect.succeed({ ...envelope, type: taken, payload: {} }))
      )
      return undefined
    }
    return undefined
  }

  /** The connection has ended: what went out whole is lost, the rest was not sent. */
  end(detail: string, notSent: () => Effect.Effect<never, RelayFailure>): void {
    for (const entry of this.#entries.values()) {
      entry.settle(entry.isWhole ? fail(new ConnectionLost({ detail })) : notSent())
    }
  }
}

export const fail = (reason: RelayFailure["reason"]) => Effect.fail(new RelayFailure({ reason }))

const tooLate = ({ isWhole }: UnderWay, millis: number) =>
  fail(
    isWhole
      ? new TimedOut({ millis })
      : new ConnectFailed({ detail: `the daemon did not read for ${millis / 1000} s` })
  )
