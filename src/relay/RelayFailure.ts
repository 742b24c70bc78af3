/** Why one attempt at the relay brought no JSON-RPC answer (BEHAVIOUR 4). */
import { Schema } from "effect"

/** What is known of a message whose answer did not come. `not sent`: the relay did not act on it. `unknown`: it may have. */
export type Delivery = "not sent" | "unknown"

/** No connection was made: refused, unresolved, TLS, or 5 s without one. Not sent. */
export class ConnectFailed extends Schema.TaggedError<ConnectFailed>()("ConnectFailed", {
  detail: Schema.String,
  /** The relay is there and wants no connection: trying again soon does not help, so the link is probed at its cap. */
  lasting: Schema.optionalKey(Schema.Boolean)
}) {}
/** This machine gave Holdfast no further connection (EMFILE, ENFILE): it says nothing of the relay. Not sent. */
export class OutOfDescriptors extends Schema.TaggedError<OutOfDescriptors>()("OutOfDescriptors", {}) {}
/** The connection broke after the request was written. */
export class ConnectionLost extends Schema.TaggedError<ConnectionLost>()("ConnectionLost", { detail: Schema.String }) {}
/** A stream or body ended without the answer. */
export class AnswerCutOff extends Schema.TaggedError<AnswerCutOff>()("AnswerCutOff", { detail: Schema.String }) {}
/** No bytes for `millis`, and no probe that was answered meanwhile. */
export class Silent extends Schema.TaggedError<Silent>()("Silent", { millis: Schema.Number }) {}
/** No answer within the bound on the request, of a relay that is alive: slow, and not Down-class. */
export class TimedOut extends Schema.TaggedError<TimedOut>()("TimedOut", { millis: Schema.Number }) {}
/** 502, 503 or 504. A 503 was not carried out. */
export class GatewayStatus extends Schema.TaggedError<GatewayStatus>()("GatewayStatus", {
  status: Schema.Int,
  retryAfterMillis: Schema.UndefinedOr(Schema.Number)
}) {}
/** An HTTP answer that should be JSON-RPC and isn't: a deploy's 404 page, a portal's 200, a WAF's 403. */
export class NotJsonRpc extends Schema.TaggedError<NotJsonRpc>()("NotJsonRpc", {
  status: Schema.Int,
  contentType: Schema.String,
  retryAfterMillis: Schema.UndefinedOr(Schema.Number)
}) {}
/** 401: a question of the token first, then of the session. */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {
  challenge: Schema.UndefinedOr(Schema.String)
}) {}
/** 403 in the relay's own words. */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", { detail: Schema.String }) {}
/** 429. */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", {
  retryAfterMillis: Schema.UndefinedOr(Schema.Number),
  /** The relay's JSON-RPC error, where it sent one: what a call that may not be queued is answered with. */
  answer: Schema.optionalKey(Schema.Struct({
    status: Schema.Int,
    headers: Schema.Record(Schema.String, Schema.String),
    text: Schema.String
  }))
}) {}
/** The relay no longer knows the session that the request named (BEHAVIOUR 3). */
export class SessionLost extends Schema.TaggedError<SessionLost>()("SessionLost", { status: Schema.Int }) {}
/** The relay refused `initialize` with a JSON-RPC error. */
export class SessionRefused extends Schema.TaggedError<SessionRefused>()("SessionRefused", {
  code: Schema.Number,
  detail: Schema.String
}) {}
/** The relay has no stream of its own to give (GET: 404, 405, 501). */
export class NoStream extends Schema.TaggedError<NoStream>()("NoStream", { status: Schema.Int }) {}
/** The token in force stands for somebody else than the request was meant to go out for. Not sent. */
export class OtherPrincipal extends Schema.TaggedError<OtherPrincipal>()("OtherPrincipal", {}) {}
/** The link was Down and did not come back within the wait (5 s in a young outage, else 2 s). Not sent. */
export class LinkDown extends Schema.TaggedError<LinkDown>()("LinkDown", {
  why: Schema.String,
  sinceMillis: Schema.Number,
  nextProbeAtMillis: Schema.Number
}) {}

const maxDetail = 500
/** The relay's own words, which it may make as long as it likes. */
const brief = (words: string): string => words.length > maxDetail ? `${words.slice(0, maxDetail)}…` : words

const seconds = (millis: number): string => `${Math.round(millis / 100) / 10} s`

export const RelayFailureReason = Schema.Union([
  ConnectFailed,
  OutOfDescriptors,
  ConnectionLost,
  AnswerCutOff,
  Silent,
  TimedOut,
  GatewayStatus,
  NotJsonRpc,
  Unauthorized,
  Forbidden,
  RateLimited,
  SessionLost,
  SessionRefused,
  NoStream,
  OtherPrincipal,
  LinkDown
])
export type RelayFailureReason = typeof RelayFailureReason.Type

export class RelayFailure extends Schema.TaggedError<RelayFailure>()("RelayFailure", {
  reason: RelayFailureReason,
  /** It happened while the session was being opened, so the request itself was never sent. */
  opening: Schema.optionalKey(Schema.Boolean),
  /** The request only reads, so that nothing is lost or done twice where it is sent again. */
  onlyReads: Schema.optionalKey(Schema.Boolean)
}) {
  /** Whether the relay may have carried the request out. */
  get delivery(): Delivery {
    if (this.opening === true) return "not sent"
    switch (this.reason._tag) {
      case "ConnectFailed":
      case "OutOfDescriptors":
      case "Unauthorized":
      case "RateLimited":
      case "SessionLost":
      case "SessionRefused":
      case "NoStream":
      case "OtherPrincipal":
      case "LinkDown":
        return "not sent"
      case "GatewayStatus":
        return this.reason.status === 503 ? "not sent" : "unknown"
      default:
        return "unknown"
    }
  }

  /** Down-class: the link has to be asked whether this was the link's failure or the call's own. */
  get downClass(): boolean {
    switch (this.reason._tag) {
      case "ConnectFailed":
      case "ConnectionLost":
      case "AnswerCutOff":
      case "Silent":
      case "GatewayStatus":
      case "NotJsonRpc":
      case "LinkDown":
        return true
      default:
        return false
    }
  }

  override get message(): string {
    const reason = this.reason
    switch (reason._tag) {
      case "ConnectFailed":
        return `no connection to the relay: ${reason.detail}`
      case "OutOfDescriptors":
        return "this machine gives Holdfast no further connection (too many open files)"
      case "ConnectionLost":
        return `the connection to the relay broke: ${reason.detail}`
      case "AnswerCutOff":
        return `the relay's answer was cut off: ${reason.detail}`
      case "Silent":
        return `the relay sent nothing for ${seconds(reason.millis)}`
      case "TimedOut":
        return `the relay did not answer within ${seconds(reason.millis)}`
      case "GatewayStatus":
        return `the relay answered HTTP ${reason.status}`
      case "NotJsonRpc":
        return `the relay answered HTTP ${reason.status} with ${
          brief(reason.contentType) || "no content type"
        } instead of JSON-RPC`
      case "Unauthorized":
        return "the relay refused the token (401)"
      case "Forbidden":
        return `the relay forbade it (403): ${brief(reason.detail)}`
      case "RateLimited":
        return "the relay asks to slow down (429)"
      case "SessionLost":
        return `the relay lost the session (${reason.status})`
      case "SessionRefused":
        return `the relay refused to open a session: ${brief(reason.detail)} (${reason.code})`
      case "OtherPrincipal":
        return "the relay's token stands for another principal now"
      case "NoStream":
        return `the relay has no stream of its own (${reason.status})`
      case "LinkDown":
        return `the relay cannot be reached: ${reason.why}`
    }
  }
}
