/** What is known of a relay, as the admin API tells it. */
import { Schema } from "effect"
import type { LinkState } from "../relay/link/RelayLink.ts"
import { Instant, instant } from "./Instant.ts"

export const LinkView = Schema.Union([
  Schema.Struct({ state: Schema.Literal("up"), since: Instant }),
  Schema.Struct({
    state: Schema.Literal("down"),
    since: Instant,
    attempts: Schema.Int,
    nextProbeAt: Instant,
    why: Schema.String,
    /** What to try, where there is more to say than to wait. */
    hint: Schema.optionalKey(Schema.String)
  })
])
export type LinkView = typeof LinkView.Type

export const linkView = (link: LinkState): LinkView =>
  link._tag === "Up"
    ? { state: "up", since: instant(link.since) }
    : {
      state: "down",
      since: instant(link.since),
      attempts: link.attempts,
      nextProbeAt: instant(link.nextProbeAt),
      why: link.why,
      ...(link.hint === undefined ? {} : { hint: link.hint })
    }
