/**
 * What one attempt means for its entry (BEHAVIOUR 5, "Delivery").
 *
 * Only a JSON-RPC answer to our id is a verdict of the relay on the call; anything else says how the attempt fared.
 */
import { Data, Predicate } from "effect"
import { codes } from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type { Response } from "../../domain/Message.ts"
import { AnswerCutOff, RelayFailure } from "../../relay/RelayFailure.ts"
import { responseTo, type WireAnswer } from "../Call.ts"

export type Verdict = Data.TaggedEnum<{
  Delivered: { readonly result: string }
  /** A dead letter, in the relay's words. */
  Refused: { readonly why: string }
  /** It may have been carried out, and must not be sent again unasked: a dead letter. */
  Unknown: { readonly why: string }
  /** Once more, later, and one of the counted retries; at the earliest after `millis`. */
  Retry: { readonly why: string; readonly millis: number }
  /** The relay asked to wait, so long where it said how long; not counted. */
  Wait: { readonly why: string; readonly millis: number | undefined }
  /** The lane stands still until the token changes or somebody asks; not counted. */
  Hold: { readonly why: string }
  /** The relay was away: at once when it is back, not counted. */
  BackToHead: { readonly why: string; readonly millis: number }
}>
export const Verdict = Data.taggedEnum<Verdict>()

/** A defect of ours broke the attempt off: the relay may have acted on it. */
export const brokenInside = new RelayFailure({
  reason: new AnswerCutOff({ detail: "the attempt failed inside Holdfast" })
})

/** Codes that no repetition changes: invalid request, method not found, invalid parameters. */
const final: ReadonlySet<number> = new Set([codes.invalidRequest, codes.methodNotFound, codes.invalidParams])

const maxWords = 2_000
const brief = (words: string): string => words.length > maxWords ? `${words.slice(0, maxWords)}…` : words

const spoken = (result: unknown): string => {
  const content = Predicate.hasProperty(result, "content") && Array.isArray(result.content) ? result.content : []
  const texts = content.flatMap((block: unknown) =>
    Predicate.hasProperty(block, "text") && Predicate.isString(block.text) ? [block.text] : []
  )
  return texts.join("\n") || "the tool reported an error without words"
}

const ofResult = (response: Response): Verdict => {
  const { result } = response
  if (Predicate.hasProperty(result, "isError") && result.isError === true) {
    return Verdict.Refused({ why: brief(spoken(result)) })
  }
  if (Predicate.hasProperty(result, "resultType") && result.resultType === "input_required") {
    return Verdict.Refused({ why: "the relay asks for input, which a queued call cannot give" })
  }
  return Verdict.Delivered({ result: JsonText.at(response.text, ["result"]) ?? "{}" })
}

/** An error that may pass says nothing of whether the call was carried out, so the rule for unknown outcomes comes first. */
export const ofAnswer = (
  answer: WireAnswer,
  id: string,
  onUnknown: "resend" | "dead",
  retryAfterMillis?: number
): Verdict => {
  const response = responseTo(answer.text, id)
  const again = (why: string, millis: number) =>
    onUnknown === "dead" ? Verdict.Unknown({ why }) : Verdict.Retry({ why, millis })
  if (response === undefined) return again("the relay's answer was not ours", 0)
  if (response.error === undefined) return ofResult(response)
  const why = brief(`${response.error.message} (${response.error.code})`)
  if (answer.status === 429) return Verdict.Wait({ why, millis: retryAfterMillis })
  if (answer.status === 401 || answer.status === 403) return Verdict.Hold({ why })
  if (final.has(response.error.code)) return Verdict.Refused({ why })
  // "Service unavailable" is said before anything is done.
  if (answer.status === 503) return Verdict.Retry({ why, millis: retryAfterMillis ?? 0 })
  return again(why, retryAfterMillis ?? 0)
}

/** `linkUp`: whether, after the failure was looked into, the relay turned out to be there. */
export const ofFailure = (failure: RelayFailure, onUnknown: "resend" | "dead", linkUp: boolean): Verdict => {
  const why = brief(failure.message)
  const { reason } = failure
  switch (reason._tag) {
    case "RateLimited":
      return Verdict.Wait({ why, millis: reason.retryAfterMillis })
    case "OutOfDescriptors":
      return Verdict.Wait({ why, millis: undefined })
    case "Unauthorized":
    case "Forbidden":
      return Verdict.Hold({ why })
    case "OtherPrincipal":
      // Seen again at the next claim, which parks it.
      return Verdict.BackToHead({ why, millis: 0 })
  }
  if (failure.delivery === "unknown" && onUnknown === "dead") return Verdict.Unknown({ why })
  const millis = reason._tag === "GatewayStatus" || reason._tag === "NotJsonRpc" ? reason.retryAfterMillis ?? 0 : 0
  return failure.downClass && !linkUp ? Verdict.BackToHead({ why, millis }) : Verdict.Retry({ why, millis })
}
