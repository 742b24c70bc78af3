/** A failure in words that a model understands: what happened, whether its call was carried out, what to do next. */
import { DateTime } from "effect"
import { codes, type JsonRpcError } from "../../domain/JsonRpcError.ts"
import type { RelayFailure } from "../RelayFailure.ts"
import type { LinkState } from "./RelayLink.ts"

/** What a person has to do where the relay refuses the token. */
export interface TokenRemedy {
  /** The command for a login, where the token is one's, or may be. */
  readonly login?: string | undefined
  /** How many calls of the agent are held meanwhile. */
  readonly held: number
}

/** The error that an agent is told. `since` and `nextProbeAt` are ISO 8601, there where the link is Down. */
export const relayError = (failure: RelayFailure, link?: LinkState, remedy?: TokenRemedy): JsonRpcError => {
  const down = downTimes(failure, link)
  return {
    code: codes.relay,
    message: text(failure, remedy),
    data: {
      delivery: failure.delivery,
      ...(down && { since: iso(down.since), nextProbeAt: iso(down.nextProbeAt) })
    }
  }
}

const iso = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))

const downTimes = ({ reason }: RelayFailure, link: LinkState | undefined) => {
  if (reason._tag === "LinkDown") return { since: reason.sinceMillis, nextProbeAt: reason.nextProbeAtMillis }
  return link?._tag === "Down" ? link : undefined
}

/** What happened, and what is known of the call. */
export const text = (failure: RelayFailure, remedy?: TokenRemedy): string =>
  `${sentence(failure.message)} ${advice(failure, remedy)}`

const sentence = (words: string): string => `${words.charAt(0).toUpperCase()}${words.slice(1)}.`

/** What to do about a request of which nobody knows whether it was carried out. */
export const unknownOutcome = (onlyReads: boolean): string =>
  onlyReads
    ? "This request only reads, so you can send it again."
    : "This request may have been carried out: check before you send it again."

const notSent = "This request was not sent, so nothing was done."

const advice = (failure: RelayFailure, remedy: TokenRemedy = { held: 0 }): string => {
  const { reason } = failure
  switch (reason._tag) {
    case "Unauthorized":
      return `It was refused, so nothing was done. ${whatToDo(remedy)} Repeating the request does not help.`
    case "Forbidden":
      return "The relay does not allow it to this token; repeating the request does not help."
    case "RateLimited":
      return `${notSent} ${retryIn(reason.retryAfterMillis)}`
    case "OutOfDescriptors":
      return `${notSent} You may try again later; whoever runs Holdfast can raise its limit of open files.`
    case "SessionRefused":
    case "NoStream":
      return notSent
    default:
      return failure.delivery === "not sent"
        ? `${notSent} The connection is being restored; you may try again later.`
        : unknownOutcome(failure.onlyReads === true)
  }
}

const whatToDo = ({ held, login }: TokenRemedy): string => {
  const todo = login === undefined
    ? "A person has to see to the token that Holdfast uses: \"holdfast token show\" says what is wrong."
    : `A person has to log in: ${login}; "holdfast token show" says what is wrong.`
  if (held === 0) return todo
  return `${todo} Until then ${held === 1 ? "one call that was" : `${held} calls that were`} queued earlier `
    + `${held === 1 ? "is" : "are"} held; nothing of it is lost, and none of it has to be sent again.`
}

const retryIn = (millis: number | undefined): string =>
  millis === undefined ? "You may try again later." : `You may try again in ${Math.ceil(millis / 1000)} s.`
