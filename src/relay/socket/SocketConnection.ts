/**
 * One agent's connection to a local daemon: drives `ClientState` over a real socket, and holds the requests under way.
 *
 * It is opened by the first who needs it and closed when nobody has for a while. A frame is written when the one before
 * it is with the kernel, so that it is known of each request whether it went out whole: one that did not is "not sent".
 */
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { connect, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import type { Deadline, Deadlines } from "../../supervision/Deadlines.ts"
import {
  ConnectFailed,
  ConnectionLost,
  OutOfDescriptors,
  RateLimited,
  RelayFailure,
  TimedOut
} from "../RelayFailure.ts"
import type { AttemptWatch } from "../transport/RelayAnswer.ts"
import {
  answers,
  ClientAction,
  type ClientBounds,
  ClientEvent,
  type ClientState,
  initial,
  type Session,
  transition
} from "./ClientState.ts"
import { encode, FrameParser } from "./Frames.ts"
import { decode, type Envelope, type Meta, protocol } from "./SocketEnvelope.ts"

export interface ConnectionOptions {
  readonly path: string
  readonly agent: string
  readonly deadlines: Deadlines["Service"]
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly bounds: ClientBounds & { readonly halfFrame: number; readonly idle: number; readonly ackWait: number }
  /** Why the file must not be connected to. */
  readonly objection: (path: string) => Promise<string | undefined>
  /** A message came; what it gives is done once that is on disk, and only then it is acknowledged. */
  readonly onDeliver: (envelopes: ReadonlyArray<Envelope>) => Promise<boolean>
}

export interface Ask {
  readonly type: string
  readonly id?: string | undefined
  readonly to?: string | undefined
  readonly payload: unknown
  readonly meta?: Meta | undefined
  /** Milliseconds until the request fails. */
  readonly timeout: number
  readonly watch?: AttemptWatch | undefined
}

interface Pending {
  readonly id: string
  readonly correlationId: string | undefined
  readonly timeout: Deadline
  readonly settle: (exit: Effect.Effect<Envelope, RelayFailure>) => void
  /** Its frame is with the kernel, every byte of it. */
  isWhole: boolean
  /** The STATUS behind it, for a daemon that may not acknowledge at all. */
  fence: string | undefined
  /** Runs from the fence's answer on. */
  grace: Deadline | undefined
}

/** Messages that wait for the disk; beyond that the daemon is not read. */
const maxUnkept = 256
const tickMillis = 1000

/** The daemon answered what was sent behind a message, and nobody acknowledged it: it was taken, that is all. */
export const taken = "TAKEN"

export class SocketConnection {
  readonly #options: ConnectionOptions
  readonly #tick: Deadline
  #state: ClientState = initial
  #socket: Socket | undefined
  #parser = new FrameParser()
  #halfSince: number | undefined
  #frames: Array<{ readonly bytes: Buffer; readonly pending: Pending | undefined }> = []
  #writing = false
  readonly #pending = new Map<string, Pending>()
  readonly #waiting = new Set<(exit: Effect.Effect<Session, RelayFailure>) => void>()
  #unkept: Array<Envelope> = []
  #keeping = false
  #usedAt = 0
  #busyUntil = 0
  #busyMillis: number | undefined
  /** The daemon acknowledges by itself: an ACK is waited for to the end. */
  #acknowledges = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#tick = options.deadlines.after(tickMillis, () => this.#onTick())
    this.#tick.cancel()
  }

  /** What the last BUSY asked for, milliseconds from now on. */
  get retryAfterMillis(): number | undefined {
    return this.#busyMillis
  }

  /** The session, once WELCOME is here. */
  ready(watch: AttemptWatch | undefined): Effect.Effect<Session, RelayFailure> {
    return waitFor(watch, (settle) => {
      this.#usedAt = this.#options.now()
      const { phase } = this.#state
      if (phase._tag === "Ready") {
        settle(Effect.succeed(phase.session))
        return () => {}
      }
      this.#waiting.add(settle)
      this.#step(ClientEvent.Wanted())
      return () => void this.#waiting.delete(settle)
    })
  }

  /** The envelope that answers it. Only for a connection that is ready. */
  ask(ask: Ask): Effect.Effect<Envelope, RelayFailure> {
    return waitFor(ask.watch, (settle) => {
      const now = this.#options.now()
      this.#usedAt = now
      const isSend = ask.type === "SEND"
      if (isSend && now < this.#busyUntil) {
        settle(fail(new RateLimited({ retryAfterMillis: this.#busyUntil - now })))
        return () => {}
      }
      const { phase } = this.#state
      const id = ask.id ?? randomUUID()
      if (phase._tag !== "Ready" || this.#pending.has(id)) {
        settle(fail(
          phase._tag === "Ready"
            // It is under way already, and its outcome is that one's.
            ? new RateLimited({ retryAfterMillis: undefined })
            : new ConnectFailed({ detail: "the connection has just ended" })
        ))
        return () => {}
      }
      const correlationId = isSend ? randomUUID() : undefined
      const sync = correlationId && { correlationId, timeoutMs: ask.timeout, blocking: true }
      const frame = this.#encode(ask.type, ask.payload, {
        id,
        ...(ask.to === undefined ? {} : { to: ask.to }),
        ...(sync || ask.meta ? { payload_meta: { ...ask.meta, ...(sync && { sync }) } } : {})
      })
      if (frame === undefined) {
        settle(Effect.die(new Error("a request that is too large for a frame is refused before it is asked")))
        return () => {}
      }
      const pending: Pending = {
        id,
        correlationId,
        isWhole: false,
        fence: undefined,
        grace: undefined,
        settle: (exit) => {
          this.#forget(pending)
          settle(exit)
        },
        timeout: this.#options.deadlines.after(
          ask.timeout,
          () =>
            pending.settle(fail(
              pending.isWhole
                ? new TimedOut({ millis: ask.timeout })
                : new ConnectFailed({ detail: `the daemon did not read for ${ask.timeout / 1000} s` })
            ))
        )
      }
      this.#pending.set(id, pending)
      this.#queue(frame, pending)
      if (isSend && !this.#acknowledges && !phase.session.dedupes) {
        pending.fence = randomUUID()
        this.#queue(this.#encode("STATUS", {}, { id: pending.fence }))
      }
      return () => this.#forget(pending)
    })
  }

  /** Whether an envelope of that payload fits in a frame of this daemon. */
  fits(ask: Pick<Ask, "type" | "payload" | "to">): boolean {
    return this.#encode(ask.type, ask.payload, { to: ask.to, slack: "x".repeat(1024) }) !== undefined
  }

  /** The daemon no longer knows our session: the next who needs a connection begins another. */
  forgetSession(): void {
    this.#step(ClientEvent.Stale())
  }

  /** Says BYE, where there is a connection. */
  close(): void {
    this.#step(ClientEvent.Unused())
    this.#failAll("lost", "Holdfast closed it")
  }

  #encode(type: string, payload: unknown, rest: object): Buffer | undefined {
    const { phase } = this.#state
    const max = phase._tag === "Ready" ? phase.session.maxFrameBytes : undefined
    const envelope = { v: protocol, type, id: randomUUID(), ts: this.#options.now(), payload, ...rest }
    return encode(envelope, max)
  }

  #step(event: ClientEvent): void {
    const { actions, state } = transition(this.#state, event, this.#options.now(), this.#options.bounds)
    this.#state = state
    for (const action of actions) this.#do(action)
    const { _tag: phase } = this.#state.phase
    if (phase === "Disconnected" || phase === "Backoff") this.#tick.cancel()
  }

  readonly #do = ClientAction.$match({
    Open: () => this.#open(),
    Greet: ({ resumeToken }) =>
      this.#queue(this.#encode("HELLO", {
        agent: this.#options.agent,
        capabilities: { ack: true, resume: true, max_inflight: maxUnkept, supports_topics: true },
        entityType: "agent",
        program: "holdfast",
        ...(resumeToken === undefined ? {} : { session: { resume_token: resumeToken } })
      }, {})),
    Reply: ({ payload, type }) => this.#queue(this.#encode(type, payload, {})),
    Welcomed: ({ session }) => {
      this.#acknowledges = session.dedupes
      this.#busyUntil = 0
      const waiting = [...this.#waiting]
      this.#waiting.clear()
      for (const settle of waiting) settle(Effect.succeed(session))
    },
    Answer: ({ envelope }) => this.#onAnswer(envelope),
    Deliver: ({ envelope }) => {
      this.#unkept.push(envelope)
      if (this.#unkept.length >= maxUnkept) this.#socket?.pause()
      void this.#keep()
    },
    Fail: ({ as, detail }) => this.#failAll(as, detail),
    Hangup: () => this.#hangup()
  })

  #open(): void {
    const { agent: _, objection, path } = this.#options
    this.#tick.restart()
    this.#parser = new FrameParser()
    this.#halfSince = undefined
    const phase = this.#state.phase
    void objection(path).then((why) => {
      if (this.#state.phase !== phase) return
      if (why !== undefined) return this.#step(ClientEvent.NotConnected({ detail: why }))
      const socket = connect(path)
      this.#socket = socket
      const isOurs = () => this.#socket === socket
      let detail = "the daemon closed it"
      socket.on("connect", () => isOurs() && this.#step(ClientEvent.Connected()))
      socket.on("data", (bytes) => isOurs() && this.#onData(bytes))
      socket.on("error", (error: NodeJS.ErrnoException) => {
        detail = error.message || (error.code ?? error.name)
      })
      socket.on("close", () => isOurs() && this.#step(ClientEvent.Ended({ detail })))
    })
  }

  #hangup(): void {
    const socket = this.#socket
    this.#socket = undefined
    this.#frames = []
    this.#writing = false
    // What is written, such as BYE, goes out first; a peer that does not read is not waited for.
    socket?.end()
    if (socket !== undefined) void sleep(250, undefined, { ref: false }).then(() => socket.destroy())
    socket?.resume()
  }

  #onData(bytes: Uint8Array): void {
    const { fault, frames } = this.#parser.push(bytes)
    for (const frame of frames) {
      const envelope = decode(frame)
      if (envelope._tag === "Failure") return this.#step(ClientEvent.Malformed({ detail: envelope.failure }))
      this.#step(ClientEvent.Heard({ envelope: envelope.success }))
      if (this.#socket === undefined) return
    }
    if (fault !== undefined) return this.#step(ClientEvent.Malformed({ detail: fault.detail }))
    if (!this.#parser.isHalf) this.#halfSince = undefined
    else if (this.#halfSince === undefined || frames.length > 0) this.#halfSince = this.#options.now()
  }

  #onTick(): void {
    const now = this.#options.now()
    this.#tick.restart()
    if (this.#halfSince !== undefined && now - this.#halfSince >= this.#options.bounds.halfFrame) {
      return this.#step(ClientEvent.Malformed({ detail: "a frame was begun and not ended" }))
    }
    const isIdle = this.#pending.size === 0 && this.#waiting.size === 0 && this.#unkept.length === 0
    if (isIdle && now - this.#usedAt >= this.#options.bounds.idle) return this.#step(ClientEvent.Unused())
    return this.#step(ClientEvent.Ticked())
  }

  #queue(bytes: Buffer | undefined, pending?: Pending): void {
    if (bytes === undefined || this.#socket === undefined) return
    this.#frames.push({ bytes, pending })
    this.#write()
  }

  #write(): void {
    const socket = this.#socket
    const next = this.#frames[0]
    if (this.#writing || socket === undefined || next === undefined) return
    this.#frames.shift()
    this.#writing = true
    socket.write(next.bytes, (error) => {
      if (next.pending !== undefined && !error) next.pending.isWhole = true
      if (this.#socket !== socket) return
      this.#writing = false
      this.#write()
    })
  }

  #onAnswer(envelope: Envelope): void {
    if (envelope.type === "BUSY") this.#onBusy(envelope.payload)
    for (const pending of this.#pending.values()) {
      if (answers(envelope, pending.id, pending.correlationId)) {
        if (envelope.type === "ACK") this.#acknowledges = true
        return pending.settle(Effect.succeed(envelope))
      }
      if (pending.fence === undefined || !answers(envelope, pending.fence, undefined)) continue
      pending.fence = undefined
      pending.grace = this.#options.deadlines.after(
        this.#options.bounds.ackWait,
        () => pending.settle(Effect.succeed({ ...envelope, type: taken, payload: {} }))
      )
      return undefined
    }
    return undefined
  }

  #onBusy(payload: unknown): void {
    const asked = typeof payload === "object" && payload !== null && "retry_after_ms" in payload
      ? payload.retry_after_ms
      : undefined
    this.#busyMillis = typeof asked === "number" && asked >= 0 ? Math.min(asked, maxBusyMillis) : undefined
    this.#busyUntil = this.#options.now() + (this.#busyMillis ?? 0)
  }

  #forget(pending: Pending): void {
    pending.timeout.cancel()
    pending.grace?.cancel()
    this.#pending.delete(pending.id)
    if (!pending.isWhole) this.#frames = this.#frames.filter((frame) => frame.pending !== pending)
  }

  #failAll(as: "not connected" | "refused" | "lost", detail: string): void {
    const notSent = () =>
      fail(
        /\b(EMFILE|ENFILE)\b/.test(detail)
          ? new OutOfDescriptors()
          : new ConnectFailed({ detail, ...(as === "refused" ? { lasting: true } : {}) })
      )
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const settle of waiting) settle(notSent())
    for (const pending of this.#pending.values()) {
      pending.settle(pending.isWhole ? fail(new ConnectionLost({ detail })) : notSent())
    }
  }

  async #keep(): Promise<void> {
    if (this.#keeping) return
    this.#keeping = true
    try {
      while (this.#unkept.length > 0) {
        const socket = this.#socket
        const envelopes = this.#unkept
        this.#unkept = []
        const isKept = await this.#options.onDeliver(envelopes)
        if (this.#socket !== socket) continue
        if (isKept) { for (const envelope of envelopes) this.#acknowledge(envelope) }
        socket?.resume()
      }
    } finally {
      this.#keeping = false
    }
  }

  #acknowledge({ delivery, id, payload_meta }: Envelope): void {
    const correlationId = payload_meta?.sync?.correlationId
    this.#queue(this.#encode("ACK", {
      ack_id: id,
      seq: delivery?.seq ?? 0,
      ...(correlationId === undefined ? {} : { correlationId, response: "ACCEPTED" })
    }, {}))
  }
}

const maxBusyMillis = 60_000

const fail = (reason: RelayFailure["reason"]) => Effect.fail(new RelayFailure({ reason }))

/** A wait that the attempt's watch may end. */
const waitFor = <A>(
  watch: AttemptWatch | undefined,
  begin: (settle: (exit: Effect.Effect<A, RelayFailure>) => void) => () => void
): Effect.Effect<A, RelayFailure> =>
  Effect.callback((resume) => {
    let stop = () => {}
    const listener = (failure: RelayFailure) => {
      stop()
      resume(Effect.fail(failure))
    }
    watch?.listen(listener)
    stop = begin((exit) => {
      watch?.unlisten(listener)
      watch?.heard()
      resume(exit)
    })
    return Effect.sync(() => {
      stop()
      watch?.unlisten(listener)
    })
  })
