import { type DateTime, Effect, Option } from "effect"
import type { HttpClient } from "effect/http"
import type { TokenView } from "../../admin/TokenView.ts"
import { loginAt, loginCommand } from "../../token/sources/loginCommand.ts"
import { challengeOf } from "../../token/sources/RelayChallenge.ts"
import { formatToken, isUnproven } from "../token.ts"
import { type Check, ok, problem, unknown } from "./Check.ts"

const sources =
  "name where it comes from: \"holdfast connect --token-file FILE\", HOLDFAST_RELAY_TOKEN, token.file, token.command, "
  + "token.url or token.oauth"

/** A relay that names an authorization server lets a person log in (RFC 9728, section 5.1). */
export const wanted = (name: string, relay: string, challenge: Option.Option<string>): Check => {
  const login = loginCommand(relay)
  const remedy = Option.match(challenge, {
    onNone: () => `${login}, or ${sources}`,
    onSome: (said) => /\bresource_metadata=/.test(said) ? login : sources
  })
  return problem(name, "none, and the relay asks for one", remedy)
}

const remedyOf = ({ lastError, relay, source, state }: TokenView): string => {
  const code = lastError?.code ?? ""
  const login = loginAt(relay, source)
  if (login !== undefined) return login
  if (code === "refused") {
    return "is it this relay's, in full, and still good? Else it wants another audience, scope or environment; then "
      + "\"holdfast token refresh\""
  }
  if (code === "not configured") return "set what it names"
  if (code === "no token") return "compare its answer with token.url.fields"
  if (code === "expired") return "look at the source's clock, and at this machine's"
  return state === "rejected"
    ? "renew what is shown to the source, then \"holdfast token refresh\""
    : "look at the source; it is asked again by itself"
}

/** Whether its source gives one that the relay takes. */
export const token = (view: TokenView, now: DateTime.Utc): Check => {
  const name = `token ${view.relay}/${view.agent}`
  const words = formatToken(view, now)
  if (view.lastError?.code === "wanted") return wanted(name, view.relay, Option.none())
  if (isUnproven(view)) return unknown(name, words)
  return view.state === "failing" || view.state === "rejected"
    ? problem(name, words, remedyOf(view))
    : ok(name, words)
}

// What a relay asks for where there is no token; it is asked as somebody without one.

const timeout = "5 seconds"

/** `None` where it asks for no token, or does not answer. */
export const unanswered = (relay: URL): Effect.Effect<Option.Option<string>, never, HttpClient.HttpClient> =>
  challengeOf(relay).pipe(
    Effect.timeout(timeout),
    Effect.map(Option.fromUndefinedOr),
    Effect.orElseSucceed(() => Option.none())
  )
