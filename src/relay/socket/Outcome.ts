/**
 * What a daemon's answer to one request means: its payload, words for the model, a JSON-RPC error, or a failure of the
 * attempt as the rest of the relay's side knows them.
 */
import { Data, Option, Predicate, Schema } from "effect"
import { RateLimited, RelayFailure, SessionLost, Unauthorized } from "../RelayFailure.ts"
import { type Envelope, Failure, Nack } from "./SocketEnvelope.ts"

export type Outcome = Data.TaggedEnum<{
  Answered: { readonly payload: unknown }
  /** The peer said no: a result with `isError`. */
  Refused: { readonly words: string }
  /** A JSON-RPC error. */
  Faulty: { readonly code: -32602 | -32603; readonly words: string }
  Failed: { readonly failure: RelayFailure; readonly stale: boolean }
}>
export const Outcome = Data.taggedEnum<Outcome>()

const decodeFailure = Schema.decodeUnknownOption(Failure)
const decodeNack = Schema.decodeUnknownOption(Nack)

const failed = (reason: RelayFailure["reason"], stale = false): Outcome =>
  Outcome.Failed({ failure: new RelayFailure({ reason }), stale })

/** What the daemon no longer knows us by; the relay client opens another session and says it again, once. */
const sessionLost = failed(new SessionLost({ status: 404 }), true)

/** `retryAfterMillis`: what the last BUSY asked for. */
export const of = (answer: Envelope, retryAfterMillis: number | undefined): Outcome => {
  switch (answer.type) {
    case "ERROR": {
      const { code, message } = Option.getOrElse(decodeFailure(answer.payload), () => ({} as typeof Failure.Type))
      const words = message ?? code ?? "unknown error"
      switch (code) {
        case "BAD_REQUEST":
          return Outcome.Faulty({ code: -32602, words })
        case "INTERNAL":
          return Outcome.Faulty({ code: -32603, words })
        case "UNAUTHORIZED":
          return failed(new Unauthorized({ challenge: undefined }))
        case "RESUME_TOO_OLD":
          return sessionLost
        default:
          return Outcome.Refused({ words })
      }
    }
    case "NACK": {
      const { code, message } = Option.getOrElse(decodeNack(answer.payload), () => ({} as Partial<typeof Nack.Type>))
      if (code === "BUSY") return failed(new RateLimited({ retryAfterMillis }))
      if (code === "STALE") return sessionLost
      return Outcome.Refused({ words: message ?? code ?? "it was not taken" })
    }
    case "BUSY":
      return failed(new RateLimited({ retryAfterMillis }))
    default: {
      const { payload } = answer
      const error = text(payload, "error")
      if (error !== undefined) return Outcome.Refused({ words: error })
      if (Predicate.hasProperty(payload, "success") && payload.success === false) {
        return Outcome.Refused({ words: text(payload, "message") ?? "it did not succeed, and gave no reason" })
      }
      if (answer.type === "ACK" && /^(ERROR|REJECTED)$/.test(text(payload, "response") ?? "")) {
        return Outcome.Refused({ words: acknowledged(payload) })
      }
      return Outcome.Answered({ payload })
    }
  }
}

const text = (payload: unknown, name: string): string | undefined => {
  const value = Predicate.hasProperty(payload, name) ? payload[name] : undefined
  return Predicate.isString(value) && value !== "" ? value : undefined
}

const acknowledged = (payload: unknown): string => {
  const data = Predicate.hasProperty(payload, "responseData") ? payload.responseData : undefined
  const words = Predicate.isString(data) ? data : text(data, "message")
  return words ?? `the other side answered ${text(payload, "response")}`
}
