/**
 * One connection to the relay's socket: drives `FrontState`, one event after the other, so that answers come in order.
 *
 * A peer that does not read is not read either, so that what waits for it is bounded: at most 256 messages that it has
 * not acknowledged, answers to 1,500 requests, then BUSY, and at 2,000 nothing more is read of it. Messages are on disk
 * meanwhile.
 */
import { Clock, Effect, Latch } from "effect"
import { randomUUID } from "node:crypto"
import type { Socket } from "node:net"
import type { AgentName } from "../../domain/Ids.ts"
import { encode, FrameParser } from "../../relay/socket/Frames.ts"
import { decode, type Envelope, protocol } from "../../relay/socket/SocketEnvelope.ts"
import type { Refused } from "../Writes.ts"
import { type Asker, delivered, type Handle, nack, type Reply } from "./FrontRequests.ts"
import { begin, FrontAction, FrontEvent, type FrontState, type Greeting, pongMillis, transition } from "./FrontState.ts"
import type { Delivery, SocketSessions } from "./SocketSessions.ts"

const maxUnread = 2_000
const busyAbove = 1_500
const freeBelow = 500
/** Requests that are read and not yet answered. */
const maxEvents = 256
/** So many are carried out in one transaction. */
const maxBatch = 64

export interface FrontOptions {
  readonly sessions: SocketSessions["Service"]
  readonly handle: Handle
  /** One at a time in the whole relay: who takes a session over, and what is delivered in it. */
  readonly oneAtATime: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly inOneTransaction: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>
  readonly seen: (agent: AgentName) => Effect.Effect<void, Refused>
  readonly isConnected: Asker["isConnected"]
  readonly count: Asker["count"]
  readonly startedAt: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** This connection is the agent's from now on; the one before it, if any. */
  readonly takeOver: (agent: AgentName, connection: FrontConnection) => FrontConnection | undefined
  readonly left: (agent: AgentName, connection: FrontConnection) => void
}

interface Greeted extends Asker {
  readonly window: number
  readonly acknowledges: boolean
}

export class FrontConnection {
  readonly #socket: Socket
  readonly #options: FrontOptions
  readonly #parser = new FrameParser()
  readonly #awake = Latch.makeUnsafe(false)
  #events: Array<FrontEvent> = []
  #state: FrontState
  #halfSince: number | undefined
  #asker: Greeted | undefined
  /** Frames that the peer has not taken. */
  #unread = 0
  #busy = 0
  #isBusy = false
  #paused = false
  #superseded = false
  /** Of the messages that went out, the last one's id, and those that wait for their ACK. */
  #sentUpTo = 0
  #inFlight = new Set<string>()
  #wantsMore = false

  constructor(socket: Socket, options: FrontOptions) {
    this.#socket = socket
    this.#options = options
    this.#state = begin(options.now())
    socket.on("data", (bytes) => this.#onData(bytes))
    socket.on("error", () => {})
    socket.on("close", () => this.tell(FrontEvent.Ended()))
  }

  /** Takes part in nothing any more, at once. */
  supersede(): void {
    this.#superseded = true
    this.tell(FrontEvent.Superseded())
  }

  tell(event: FrontEvent): void {
    this.#events.push(event)
    this.#awake.openUnsafe()
  }

  /** There may be a message for this agent. */
  wake(): void {
    this.#wantsMore = true
    this.#awake.openUnsafe()
  }

  /** Until the connection is closed. */
  readonly run = Effect.gen({ self: this }, function*() {
    while (this.#state._tag !== "Closed") {
      if (this.#events.length === 0 && !this.#mayPump()) {
        this.#awake.closeUnsafe()
        yield* this.#awake.await
      }
      yield* this.#nextEvents
      if (this.#mayPump()) yield* this.#pump
      this.#readAgain()
    }
  }).pipe(Effect.ensuring(Effect.sync(() => {
    if (this.#asker !== undefined) this.#options.left(this.#asker.agent, this)
    this.#socket.end()
    // A peer that reads nothing would keep it for ever.
    setTimeout(() => this.#socket.destroy(), 1000).unref()
  })))

  get #nextEvents(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const events = this.#events.splice(0, maxBatch)
      if (events.length === 0) return
      const now = Math.floor(yield* Clock.currentTimeMillis)
      const work: Array<Envelope> = []
      for (const event of events) {
        const { actions, state } = transition(this.#state, event, now)
        this.#state = state
        const [only] = actions
        if (actions.length === 1 && only?._tag === "Handle") {
          work.push(only.envelope)
          continue
        }
        yield* this.#carryOut(work.splice(0))
        for (const action of actions) yield* this.#act(action)
      }
      yield* this.#carryOut(work)
    })
  }

  #act(action: FrontAction): Effect.Effect<void> {
    switch (action._tag) {
      case "Send":
        return Effect.sync(() => this.#write(action.type, { payload: action.payload }))
      case "Greet":
        return this.#greet(action)
      case "Handle":
        return this.#carryOut([action.envelope])
      case "Close":
        return Effect.void
    }
  }

  #greet({ acknowledges, agent, resumeToken, window }: Greeting): Effect.Effect<void> {
    return this.#options.oneAtATime(Effect.gen({ self: this }, function*() {
      const { count, isConnected, seen, sessions, startedAt, takeOver } = this.#options
      const room = yield* Effect.result(seen(agent))
      if (room._tag === "Failure") return this.tell(FrontEvent.Malformed({ detail: room.failure.message }))
      takeOver(agent, this)?.supersede()
      const now = Math.floor(yield* Clock.currentTimeMillis)
      const session = yield* sessions.open(agent, resumeToken, now)
      this.#asker = { agent, session: session.id, count, isConnected, startedAt, window, acknowledges }
      const tooOld = resumeToken !== undefined && !session.resumed
      const greeted = transition(
        this.#state,
        FrontEvent.Greeted({ session: session.id, resumeToken: session.resumeToken, tooOld }),
        now
      )
      this.#state = greeted.state
      for (const action of greeted.actions) {
        if (action._tag === "Send") this.#write(action.type, { payload: action.payload })
      }
      this.#deliver(yield* sessions.unacknowledged(session.id))
      this.#wantsMore = true
    }))
  }

  #carryOut(work: ReadonlyArray<Envelope>): Effect.Effect<void> {
    const asker = this.#asker
    if (work.length === 0 || asker === undefined) return Effect.void
    return Effect.gen({ self: this }, function*() {
      const accepted = work.filter((envelope) => envelope.type !== "SEND" || !this.#refuseBusy(envelope))
      if (accepted.length === 0) return
      const replies = yield* this.#options.inOneTransaction(
        Effect.forEach(accepted, (envelope) => this.#options.handle(asker, envelope))
      )
      for (const [index, reply] of replies.entries()) {
        const envelope = accepted[index]
        if (envelope?.type === "ACK") this.#acknowledged(envelope)
        if (reply !== undefined) this.#reply(reply)
      }
    })
  }

  #reply({ deliveries, id, payload, type }: Reply): void {
    this.#write(type, { payload, ...(id === undefined ? {} : { id }) })
    if (deliveries !== undefined) this.#deliver(deliveries)
  }

  /** Above 1,500 unread frames nothing is taken until there are fewer than 500. */
  #refuseBusy({ id }: Envelope): boolean {
    if (this.#unread > busyAbove) this.#isBusy = true
    else if (this.#unread < freeBelow) {
      this.#isBusy = false
      this.#busy = 0
    }
    if (!this.#isBusy) return false
    const retryAfter = Math.min(5_000, 50 * 2 ** Math.min(this.#busy++, 10))
    this.#write("BUSY", { payload: { retry_after_ms: retryAfter, queue_depth: this.#unread } })
    this.#reply(nack(id, "BUSY", `there are ${this.#unread} frames that you have not read`))
    return true
  }

  #acknowledged({ payload }: Envelope): void {
    const id = (payload as { readonly ack_id?: unknown }).ack_id
    if (typeof id === "string") this.#inFlight.delete(id)
    const cumulative = (payload as { readonly cumulative_seq?: unknown }).cumulative_seq
    if (cumulative === undefined) this.#wantsMore = true
    else this.#recount = true
  }
  #recount = false

  #mayPump(): boolean {
    return this.#state._tag === "Active" && !this.#superseded && (this.#wantsMore || this.#recount)
      && this.#unread < freeBelow
  }

  get #pump(): Effect.Effect<void> {
    return this.#options.oneAtATime(Effect.gen({ self: this }, function*() {
      const asker = this.#asker
      if (asker === undefined || this.#superseded) return
      const { sessions } = this.#options
      if (this.#recount) {
        this.#recount = false
        this.#inFlight = new Set((yield* sessions.unacknowledged(asker.session)).map(({ message }) => String(message)))
      }
      const room = Math.min(maxBatch, asker.window - this.#inFlight.size)
      if (room <= 0) {
        this.#wantsMore = false
        return
      }
      const next = yield* sessions.next(asker.session, asker.agent, this.#sentUpTo, room)
      this.#wantsMore = next.length === room
      this.#deliver(next)
      if (!asker.acknowledges && next.length > 0) {
        const now = Math.floor(yield* Clock.currentTimeMillis)
        yield* this.#options.inOneTransaction(Effect.forEach(
          next,
          ({ message }) =>
            sessions.acknowledge(asker.session, asker.agent, { message: String(message), cumulative: undefined }, now),
          { discard: true }
        ))
        this.#inFlight.clear()
      }
    }))
  }

  #deliver(deliveries: ReadonlyArray<Delivery>): void {
    const session = this.#asker?.session
    if (session === undefined) return
    for (const delivery of deliveries) {
      this.#sentUpTo = Math.max(this.#sentUpTo, delivery.message)
      this.#inFlight.add(String(delivery.message))
      this.#write("DELIVER", delivered(delivery, session))
    }
  }

  #write(type: string, members: object): void {
    const envelope = { v: protocol, type, id: randomUUID(), ts: this.#options.now(), ...members }
    const frame = encode(envelope) ?? encode({ ...envelope, payload: tooLarge })
    if (frame === undefined || !this.#socket.writable) return
    this.#unread++
    this.#socket.write(frame, () => {
      this.#unread--
      if (this.#unread < freeBelow) this.#awake.openUnsafe()
    })
    if (this.#unread >= maxUnread) this.#pause()
  }

  #pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  #readAgain(): void {
    if (!this.#paused || this.#unread >= freeBelow || this.#events.length >= maxBatch) return
    this.#paused = false
    this.#socket.resume()
  }

  #onData(bytes: Uint8Array): void {
    const { fault, frames } = this.#parser.push(bytes)
    for (const frame of frames) {
      const envelope = decode(frame)
      if (envelope._tag === "Failure") {
        this.tell(FrontEvent.Malformed({ detail: envelope.failure }))
        return this.#pause()
      }
      this.tell(FrontEvent.Heard({ envelope: envelope.success }))
    }
    if (fault !== undefined) {
      this.tell(FrontEvent.Malformed({ detail: fault.detail }))
      return this.#pause()
    }
    if (!this.#parser.isHalf) this.#halfSince = undefined
    else if (this.#halfSince === undefined || frames.length > 0) this.#halfSince = this.#options.now()
    if (this.#events.length >= maxEvents) this.#pause()
  }

  /** Once a second. */
  tick(): void {
    if (this.#halfSince !== undefined && this.#options.now() - this.#halfSince >= pongMillis) {
      this.tell(FrontEvent.Malformed({ detail: "a frame was begun and not ended" }))
    } else this.tell(FrontEvent.Ticked())
  }
}

/** A message that MCP let in and that no frame can carry. */
const tooLarge = { kind: "message", body: "(a message that is larger than a frame; read it with relay_inbox over MCP)" }
