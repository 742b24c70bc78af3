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
import { ConnectFailed, OutOfDescriptors, RateLimited, type RelayFailure } from "../RelayFailure.ts"
import type { AttemptWatch } from "../transport/RelayAnswer.ts"
import {
  ClientAction,
  type ClientBounds,
  ClientEvent,
  type ClientState,
  initial,
  type Session,
  transition
} from "./ClientState.ts"
import { encode, FrameParser } from "./Frames.ts"
import { fail, RequestsUnderWay, type Settle, type UnderWay } from "./RequestsUnderWay.ts"
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

/** Messages that wait for the disk; beyond that the daemon is not read. */
const maxUnkept = 256
const tickMillis = 1000

export class SocketConnection {
  readonly #options: ConnectionOptions
  readonly #tick: Deadline
  #state: ClientState = initial
  #socket: Socket | undefined
  #parser = new FrameParser()
  #halfSince: number | undefined
  #frames: Array<{ readonly bytes: Buffer; readonly request: UnderWay | undefined }> = []
  #writing = false
  readonly #requests: RequestsUnderWay
  readonly #waiting = new Set<Settle<Session>>()
  #unkept: Array<Envelope> = []
  #keeping = false
  #usedAt = 0
  #busyUntil = 0
  #busyMillis: number | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#requests = new RequestsUnderWay(options.deadlines, options.bounds.ackWait)
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
      const id = ask.id ?? randomUUID()
      if (this.#requests.has(id)) {
        // Whose outcome this one would have.
        settle(fail(new RateLimited({ retryAfterMillis: undefined })))
        return () => {}
      }
      if (this.#state.phase._tag !== "Ready") {
        settle(fail(new ConnectFailed({ detail: "the connection has just ended" })))
        return () => {}
      }
      const request = this.#requests.add(id, isSend, ask.timeout, settle)
      this.#queue(this.#frameOf(ask, request), request)
      const fence = this.#requests.fence(id)
      if (fence !== undefined) this.#queue(this.#encode("STATUS", {}, { id: fence }))
      return () => {
        this.#requests.forget(id)
        if (!request.isWhole) this.#frames = this.#frames.filter((frame) => frame.request !== request)
      }
    })
  }

  #frameOf({ meta, payload, timeout, to, type }: Ask, { correlationId, id }: UnderWay): Buffer | undefined {
    const sync = correlationId && { correlationId, timeoutMs: timeout, blocking: true }
    return this.#encode(type, payload, {
      id,
      ...(to === undefined ? {} : { to }),
      ...(sync || meta ? { payload_meta: { ...meta, ...(sync && { sync }) } } : {})
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
      this.#requests.begin(session.dedupes)
      this.#busyUntil = 0
      const waiting = [...this.#waiting]
      this.#waiting.clear()
      for (const settle of waiting) settle(Effect.succeed(session))
    },
    Answer: ({ envelope }) => {
      if (envelope.type === "BUSY") this.#onBusy(envelope.payload)
      this.#requests.answer(envelope)
    },
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
    const isIdle = this.#requests.size === 0 && this.#waiting.size === 0 && this.#unkept.length === 0
    if (isIdle && now - this.#usedAt >= this.#options.bounds.idle) return this.#step(ClientEvent.Unused())
    return this.#step(ClientEvent.Ticked())
  }

  #queue(bytes: Buffer | undefined, request?: UnderWay): void {
    if (bytes === undefined || this.#socket === undefined) return
    this.#frames.push({ bytes, request })
    this.#write()
  }

  #write(): void {
    const socket = this.#socket
    const next = this.#frames[0]
    if (this.#writing || socket === undefined || next === undefined) return
    this.#frames.shift()
    this.#writing = true
    socket.write(next.bytes, (error) => {
      if (next.request !== undefined && !error) next.request.isWhole = true
      if (this.#socket !== socket) return
      this.#writing = false
      this.#write()
    })
  }

  #onBusy(payload: unknown): void {
    const asked = typeof payload === "object" && payload !== null && "retry_after_ms" in payload
      ? payload.retry_after_ms
      : undefined
    this.#busyMillis = typeof asked === "number" && asked >= 0 ? Math.min(asked, maxBusyMillis) : undefined
    this.#busyUntil = this.#options.now() + (this.#busyMillis ?? 0)
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
    this.#requests.end(detail, notSent)
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

/** A wait that the attempt's watch may end. */
const waitFor = <A>(
  watch: AttemptWatch | undefined,
  begin: (settle: Settle<A>) => () => void
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
