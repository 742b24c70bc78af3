/**
 * The daemon's side of one connection to the socket: HANDSHAKING, ACTIVE, CLOSED. Pure: what happened goes in, the next
 * state and what to do come out. `Greeting` is HANDSHAKING while the session is looked up; no frame is read meanwhile.
 */
import { Data, Option, Result, Schema } from "effect"
import { AgentName } from "../../domain/Ids.ts"
import { type Envelope, Hello, reservedNames } from "../../relay/socket/SocketEnvelope.ts"

/** Times are milliseconds since the epoch. */
export type FrontState = Data.TaggedEnum<{
  Handshaking: { readonly until: number; readonly strikes: number }
  Greeting: {}
  Active: { readonly pongAt: number; readonly pingAt: number }
  Closed: {}
}>
export const FrontState = Data.taggedEnum<FrontState>()

export interface Greeted {
  readonly session: string
  readonly resumeToken: string
  /** The token that HELLO brought is no good: the session is a new one. */
  readonly tooOld: boolean
}

export type FrontEvent = Data.TaggedEnum<{
  Heard: { readonly envelope: Envelope }
  Malformed: { readonly detail: string }
  Greeted: Greeted
  /** The same agent has connected again. */
  Superseded: {}
  Ended: {}
  Ticked: {}
  /** The relay ends. */
  Stopping: {}
}>
export const FrontEvent = Data.taggedEnum<FrontEvent>()

export interface Greeting {
  readonly agent: AgentName
  readonly resumeToken: string | undefined
  /** How many deliveries may wait for their ACK. */
  readonly window: number
  readonly acknowledges: boolean
}

export type FrontAction = Data.TaggedEnum<{
  Send: { readonly type: string; readonly payload: unknown }
  Greet: Greeting
  /** A request of an active agent's, or its ACK. */
  Handle: { readonly envelope: Envelope }
  /** After what was sent is out. */
  Close: {}
}>
export const FrontAction = Data.taggedEnum<FrontAction>()

export interface Step {
  readonly state: FrontState
  readonly actions: ReadonlyArray<FrontAction>
}

export const handshakeMillis = 5_000
export const heartbeatMillis = 5_000
export const pongMillis = 30_000
export const maxFrameBytes = 1_048_576
const maxWindow = 256

export const begin = (now: number): FrontState => FrontState.Handshaking({ until: now + handshakeMillis, strikes: 0 })

/** What an active agent may ask; NACK is for what we deliver, and changes nothing: it is delivered again on resume. */
export const handled: ReadonlySet<string> = new Set([
  "SEND",
  "ACK",
  "NACK",
  "RESUME",
  "STATUS",
  "INBOX",
  "LIST_AGENTS",
  "SPAWN",
  "RELEASE"
])

const errorAction = (code: string, message: string, fatal: boolean, replyTo?: string): FrontAction =>
  FrontAction.Send({ type: "ERROR", payload: { code, message, fatal, ...(replyTo === undefined ? {} : { replyTo }) } })

const decodeHello = Schema.decodeUnknownResult(Hello)
const decodeAgent = Schema.decodeUnknownOption(AgentName)

export const transition = (state: FrontState, event: FrontEvent, now: number): Step => {
  const stay = (...actions: ReadonlyArray<FrontAction>): Step => ({ state, actions })
  const close = (...actions: ReadonlyArray<FrontAction>): Step => ({
    state: FrontState.Closed(),
    actions: [...actions, FrontAction.Close()]
  })
  if (state._tag === "Closed") return stay()
  switch (event._tag) {
    case "Malformed":
      return close(errorAction("BAD_REQUEST", event.detail, true))
    case "Superseded":
      return close(errorAction("DUPLICATE_CONNECTION", "this agent has connected again", true))
    case "Stopping":
      return close(FrontAction.Send({ type: "BYE", payload: {} }))
    case "Ended":
      return close()
    case "Greeted":
      return state._tag === "Greeting" ? welcome(event, now) : stay()
    case "Ticked":
      if (state._tag === "Handshaking") return now < state.until ? stay() : close()
      if (state._tag !== "Active") return stay()
      if (now - state.pongAt >= pongMillis) return close()
      return now < state.pingAt ? stay() : {
        state: { ...state, pingAt: now + heartbeatMillis },
        actions: [FrontAction.Send({ type: "PING", payload: { nonce: String(now) } })]
      }
    case "Heard":
      if (event.envelope.type === "BYE") return close()
      if (state._tag === "Handshaking") return shakingHands(state, event.envelope)
      return state._tag === "Active" ? active(state, event.envelope, now) : stay()
  }
}

const welcome = ({ resumeToken, session, tooOld }: Greeted, now: number): Step => ({
  state: FrontState.Active({ pongAt: now, pingAt: now + heartbeatMillis }),
  actions: [
    ...tooOld ? [errorAction("RESUME_TOO_OLD", "the session cannot be resumed; this is a new one", false)] : [],
    FrontAction.Send({
      type: "WELCOME",
      payload: {
        session_id: session,
        resume_token: resumeToken,
        server: { max_frame_bytes: maxFrameBytes, heartbeat_ms: heartbeatMillis, dedupes: true }
      }
    })
  ]
})

const shakingHands = (
  { strikes, until }: Extract<FrontState, { readonly _tag: "Handshaking" }>,
  envelope: Envelope
): Step => {
  const refuse = (message: string): Step => ({
    state: FrontState.Closed(),
    actions: [errorAction("BAD_REQUEST", message, true), FrontAction.Close()]
  })
  if (envelope.type !== "HELLO") {
    const message = `HELLO comes first, not ${envelope.type}`
    return strikes > 0 ? refuse(message) : {
      state: FrontState.Handshaking({ until, strikes: strikes + 1 }),
      actions: [errorAction("BAD_REQUEST", message, false, envelope.id)]
    }
  }
  const hello = decodeHello(envelope.payload)
  if (Result.isFailure(hello)) return refuse("HELLO names no agent, or is malformed")
  const { capabilities = {}, session } = hello.success
  if (reservedNames.has(hello.success.agent)) return refuse(`the name ${hello.success.agent} is reserved`)
  const agent = decodeAgent(hello.success.agent)
  if (Option.isNone(agent)) {
    return refuse("an agent's name is 1 to 64 letters, digits, dots, dashes or underscores, a letter or digit first")
  }
  return {
    state: FrontState.Greeting(),
    actions: [FrontAction.Greet({
      agent: agent.value,
      resumeToken: session?.resume_token,
      window: Math.max(1, Math.min(maxWindow, Math.floor(capabilities.max_inflight ?? maxWindow))),
      acknowledges: capabilities.ack !== false
    })]
  }
}

const active = (
  state: Extract<FrontState, { readonly _tag: "Active" }>,
  envelope: Envelope,
  now: number
): Step => {
  if (envelope.type === "PONG") return { state: { ...state, pongAt: now }, actions: [] }
  if (handled.has(envelope.type)) return { state, actions: [FrontAction.Handle({ envelope })] }
  const what = envelope.type === "HELLO" ? "HELLO came before" : `this relay knows no ${envelope.type}`
  return { state, actions: [errorAction("BAD_REQUEST", what, false, envelope.id)] }
}
