/**
 * The client's side of one connection to a local daemon: DISCONNECTED, CONNECTING, HANDSHAKING, READY, and BACKOFF after
 * a fatal ERROR. Pure: what happened goes in, the next state and what to do come out.
 *
 * HELLO is the first frame and nothing else is sent before WELCOME. Whoever waits is told why a connection ended; what
 * becomes of each request is known by whether its frame was written whole.
 */
import { Data, Option, Predicate, Schema } from "effect"
import { maxFrameBytes } from "./Frames.ts"
import { type Envelope, Failure, Welcome } from "./SocketEnvelope.ts"

/** What WELCOME said. */
export interface Session {
  readonly id: string
  /** The daemon takes the same id of the same agent for one write. */
  readonly dedupes: boolean
  readonly maxFrameBytes: number | undefined
  /** Without a frame for that long the daemon is gone, milliseconds. */
  readonly silence: number
}

/** Times are milliseconds since the epoch. */
export type Phase = Data.TaggedEnum<{
  Disconnected: {}
  Connecting: { readonly until: number }
  Handshaking: { readonly until: number }
  Ready: { readonly session: Session; readonly heardAt: number }
  /** The daemon wants no connection. */
  Backoff: { readonly why: string; readonly until: number }
}>
export const Phase = Data.taggedEnum<Phase>()

export interface ClientState {
  readonly phase: Phase
  /** Of the last WELCOME: good for one HELLO. */
  readonly resumeToken: string | undefined
}

export const initial: ClientState = { phase: Phase.Disconnected(), resumeToken: undefined }

export type ClientEvent = Data.TaggedEnum<{
  /** Somebody needs the connection. */
  Wanted: {}
  Connected: {}
  NotConnected: { readonly detail: string }
  Heard: { readonly envelope: Envelope }
  /** The daemon sent what is no frame or no envelope. */
  Malformed: { readonly detail: string }
  /** The other end closed or broke the connection. */
  Ended: { readonly detail: string }
  Ticked: {}
  /** Nobody needs it any more. */
  Unused: {}
  /** The daemon no longer keeps what we would resume: the next HELLO begins a new session. */
  Stale: {}
}>
export const ClientEvent = Data.taggedEnum<ClientEvent>()

export type ClientAction = Data.TaggedEnum<{
  Open: {}
  /** HELLO, with the token where there is one. */
  Greet: { readonly resumeToken: string | undefined }
  Reply: { readonly type: "PONG" | "BYE"; readonly payload: unknown }
  Welcomed: { readonly session: Session }
  /** It may answer a request. */
  Answer: { readonly envelope: Envelope }
  Deliver: { readonly envelope: Envelope }
  /** Tell all who wait. `refused`: the daemon wants no connection. `lost`: there was one. */
  Fail: { readonly as: "not connected" | "refused" | "lost"; readonly detail: string }
  Hangup: {}
}>
export const ClientAction = Data.taggedEnum<ClientAction>()

/** Milliseconds. */
export interface ClientBounds {
  readonly connect: number
  readonly handshake: number
  readonly silence: number
  readonly refusal: number
}

export interface Step {
  readonly state: ClientState
  readonly actions: ReadonlyArray<ClientAction>
}

const decodeWelcome = Schema.decodeUnknownOption(Welcome)
const decodeFailure = Schema.decodeUnknownOption(Failure)

/** Several heartbeats may be missed. */
const missedHeartbeats = 6
/** One that promises less often is asked as if it had not: who is gone is to be seen. */
const maxSilence = 5 * 60 * 1000
/** Frames of ours fit into it, but for long messages. */
const minFrameBytes = 4096

const between = (value: number, min: number, max: number): number => Math.min(Math.max(value, min), max)

const sessionOf = ({ server, session_id }: Welcome, bounds: ClientBounds): Session => ({
  id: session_id,
  dedupes: server?.dedupes === true,
  maxFrameBytes: server?.max_frame_bytes === undefined
    ? undefined
    : between(server.max_frame_bytes, minFrameBytes, maxFrameBytes),
  silence: between(
    (server?.heartbeat_ms ?? 0) * missedHeartbeats,
    bounds.silence,
    Math.max(bounds.silence, maxSilence)
  )
})

export const transition = (state: ClientState, event: ClientEvent, now: number, bounds: ClientBounds): Step => {
  const { phase, resumeToken } = state
  const to = (phase: Phase, ...actions: ReadonlyArray<ClientAction>): Step => ({
    state: { ...state, phase },
    actions
  })
  const stay = (...actions: ReadonlyArray<ClientAction>): Step => ({ state, actions })
  const end = (as: "not connected" | "lost", detail: string): Step =>
    to(Phase.Disconnected(), ClientAction.Fail({ as, detail }), ClientAction.Hangup())
  const isOpen = phase._tag === "Connecting" || phase._tag === "Handshaking" || phase._tag === "Ready"
  const ended = (detail: string): Step =>
    isOpen ? end(phase._tag === "Ready" ? "lost" : "not connected", detail) : stay()

  switch (event._tag) {
    case "Wanted":
      if (isOpen) return stay()
      if (phase._tag === "Backoff" && now < phase.until) {
        return stay(ClientAction.Fail({ as: "refused", detail: phase.why }))
      }
      return to(Phase.Connecting({ until: now + bounds.connect }), ClientAction.Open())
    case "Connected":
      return phase._tag === "Connecting"
        ? to(Phase.Handshaking({ until: now + bounds.handshake }), ClientAction.Greet({ resumeToken }))
        : stay()
    case "NotConnected":
    case "Malformed":
    case "Ended":
      return ended(event.detail)
    case "Unused":
      return isOpen
        ? to(Phase.Disconnected(), ClientAction.Reply({ type: "BYE", payload: {} }), ClientAction.Hangup())
        : stay()
    case "Stale":
      return { state: { phase: Phase.Disconnected(), resumeToken: undefined }, actions: ended(stale).actions }
    case "Ticked":
      switch (phase._tag) {
        case "Connecting":
          return now < phase.until ? stay() : end("not connected", `no connection within ${seconds(bounds.connect)}`)
        case "Handshaking":
          return now < phase.until ? stay() : end("not connected", `no WELCOME within ${seconds(bounds.handshake)}`)
        case "Ready":
          return now < phase.heardAt + phase.session.silence
            ? stay()
            : end("lost", `nothing was heard for ${seconds(phase.session.silence)}`)
        default:
          return stay()
      }
    case "Heard":
      return heard(state, event.envelope, now, bounds)
  }
}

const stale = "the daemon no longer keeps this session"

const heard = (state: ClientState, envelope: Envelope, now: number, bounds: ClientBounds): Step => {
  const { phase } = state
  if (phase._tag !== "Handshaking" && phase._tag !== "Ready") return { state, actions: [] }
  const here: ClientState = phase._tag === "Ready" ? { ...state, phase: { ...phase, heardAt: now } } : state
  const stay = (...actions: ReadonlyArray<ClientAction>): Step => ({ state: here, actions })

  switch (envelope.type) {
    case "PING":
      return stay(ClientAction.Reply({ type: "PONG", payload: envelope.payload }))
    case "BYE":
      return {
        state: { ...state, phase: Phase.Disconnected() },
        actions: [
          ClientAction.Fail({ as: phase._tag === "Ready" ? "lost" : "not connected", detail: "the daemon said BYE" }),
          ClientAction.Hangup()
        ]
      }
    case "ERROR": {
      const { code = "ERROR", fatal, message } = Option.getOrElse(
        decodeFailure(envelope.payload),
        () => ({} as typeof Failure.Type)
      )
      if (fatal === true) {
        const why = message === undefined ? code : `${code}: ${message}`
        return {
          state: { resumeToken: undefined, phase: Phase.Backoff({ why, until: now + bounds.refusal }) },
          actions: [
            ClientAction.Fail({ as: phase._tag === "Ready" ? "lost" : "refused", detail: why }),
            ClientAction.Hangup()
          ]
        }
      }
      if (phase._tag === "Handshaking") {
        return { state: code === "RESUME_TOO_OLD" ? { ...state, resumeToken: undefined } : state, actions: [] }
      }
      return stay(ClientAction.Answer({ envelope }))
    }
    case "WELCOME": {
      if (phase._tag === "Ready") return stay()
      const welcome = decodeWelcome(envelope.payload)
      if (Option.isNone(welcome)) {
        return {
          state: { ...state, phase: Phase.Disconnected() },
          actions: [
            ClientAction.Fail({ as: "not connected", detail: "its WELCOME names no session" }),
            ClientAction.Hangup()
          ]
        }
      }
      const session = sessionOf(welcome.value, bounds)
      return {
        state: { phase: Phase.Ready({ session, heardAt: now }), resumeToken: welcome.value.resume_token },
        actions: [ClientAction.Welcomed({ session })]
      }
    }
    case "DELIVER":
      return phase._tag === "Ready" ? stay(ClientAction.Deliver({ envelope })) : stay()
    default:
      return phase._tag === "Ready" ? stay(ClientAction.Answer({ envelope })) : stay()
  }
}

const seconds = (millis: number): string => `${Math.round(millis / 100) / 10} s`

/** The request that an envelope answers: by its id, by `replyTo`, by what it acknowledges. */
export const answers = ({ id, payload }: Envelope, request: string, correlationId: string | undefined): boolean =>
  id === request || member(payload, "replyTo") === request || member(payload, "ack_id") === request
  || (correlationId !== undefined && member(payload, "correlationId") === correlationId)

const member = (value: unknown, name: string): unknown =>
  Predicate.isObject(value) && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined
