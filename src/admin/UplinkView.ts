/** Uplinks as the admin API tells them. */
import { Schema } from "effect"
import { AgentName } from "../domain/Ids.ts"
import type { Flow, UplinkStatus } from "../uplink/UplinkStatus.ts"
import { Instant, instant } from "./Instant.ts"

const flow = {
  /** `held` needs somebody to do something; `off`: the settings or the control plane do not have it. */
  state: Schema.Literals(["connecting", "ready", "waiting", "held", "off"]),
  since: Instant,
  why: Schema.NullOr(Schema.String)
}

export const UplinkView = Schema.Struct({
  name: Schema.String,
  url: Schema.String,
  session: Schema.String,
  /** `pushed`: the control plane has all records up to this number; `behind`: how many numbers are left. */
  push: Schema.Struct({ ...flow, pushed: Schema.Int, behind: Schema.Int, skipped: Schema.Int }),
  /** `watched`: all of its messages up to this number are here. */
  watch: Schema.Struct({ ...flow, watched: Schema.Int }),
  inboxes: Schema.Array(Schema.Struct({ ...flow, agent: AgentName })),
  /** Names of the credentials that it has pushed since the start. */
  credentials: Schema.Array(Schema.String)
})
export type UplinkView = typeof UplinkView.Type

const flowView = ({ since, state, why }: Flow) => ({ state, since: instant(since), why: why ?? null })

export const uplinkView = (
  { credentials, inboxes, name, push, session, url, watch }: UplinkStatus,
  newest: number
): UplinkView => ({
  name,
  url,
  session,
  push: {
    ...flowView(push),
    pushed: push.pushed,
    skipped: push.skipped,
    behind: push.state === "off" ? 0 : Math.max(0, newest - push.pushed)
  },
  watch: { ...flowView(watch), watched: watch.watched },
  inboxes: inboxes.map((inbox) => ({ ...flowView(inbox), agent: AgentName.make(inbox.agent) })),
  credentials
})
