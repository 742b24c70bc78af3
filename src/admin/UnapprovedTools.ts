/** The tools of a relay that wait for approval, as the admin API tells it. */
import { Effect, Option, Schema } from "effect"
import { AgentName, RelayId } from "../domain/Ids.ts"
import type { Relay } from "../mcp/RelayRegistry.ts"
import { changes } from "../menu/DefinitionChanges.ts"
import type { ToolDefinition } from "../menu/ToolDefinitions.ts"
import { Instant, instant, instantOrNull } from "./Instant.ts"

/** `null`: there is none on that side. */
export const ChangeView = Schema.Struct({
  /** Such as `inputSchema.properties.to.description`. */
  path: Schema.String,
  approved: Schema.NullOr(Schema.String),
  offered: Schema.NullOr(Schema.String)
})
export type ChangeView = typeof ChangeView.Type

export const UnapprovedTool = Schema.Struct({
  name: Schema.String,
  /** Of the definition that is offered. */
  fingerprint: Schema.String,
  state: Schema.Literals(["new", "changed"]),
  /** Whom the relay offered it to, and when it did last. */
  agents: Schema.Array(AgentName),
  offeredAt: Instant,
  /** When the definition was approved that it is held against. */
  approvedAt: Schema.NullOr(Instant),
  /** Against that definition; of a new tool all that it is. */
  changes: Schema.Array(ChangeView)
})
export type UnapprovedTool = typeof UnapprovedTool.Type

export const UnapprovedTools = Schema.Struct({
  relay: RelayId,
  /** Whether they are held back: the relay's setting `pinTools`. */
  pinned: Schema.Boolean,
  /** How many definitions are approved. */
  approved: Schema.Int,
  tools: Schema.Array(UnapprovedTool)
})
export type UnapprovedTools = typeof UnapprovedTools.Type

export const Approval = Schema.Struct({
  relay: RelayId,
  /** Each with the fingerprint of the definition that was looked at. */
  tools: Schema.NonEmptyArray(Schema.Struct({ name: Schema.String, fingerprint: Schema.String }))
})

interface Offered {
  readonly definition: ToolDefinition
  readonly agents: Set<AgentName>
  readonly offeredAt: number
}

/** Each definition once, that of the newest list first. */
const offeredBy = Effect.fnUntraced(function*({ cachedLists, pins }: Relay) {
  const found = new Map<string, Offered>()
  for (const { agent, fetchedAt, result } of yield* cachedLists.recent("tools/list")) {
    for (const definition of yield* pins.definitionsIn(result)) {
      const key = JSON.stringify([definition.name, definition.fingerprint])
      const known = found.get(key) ?? { definition, agents: new Set(), offeredAt: fetchedAt }
      known.agents.add(agent)
      found.set(key, known)
    }
  }
  return [...found.values()]
})

/** All that the relay offers to anybody. */
export const offered = (relay: Relay) => Effect.map(offeredBy(relay), (all) => all.map(({ definition }) => definition))

const toolView = ({ pins }: Relay, { agents, definition, offeredAt }: Offered): ReadonlyArray<UnapprovedTool> => {
  const { fingerprint, name, text } = definition
  const state = pins.approval(definition)
  if (state === "approved") return []
  const approved = pins.lastApproved(name)
  return [{
    name,
    fingerprint,
    state,
    agents: [...agents].sort(),
    offeredAt: instant(offeredAt),
    approvedAt: instantOrNull(Option.map(approved, ({ approvedAt }) => approvedAt)),
    changes: changes(Option.getOrUndefined(Option.map(approved, (one) => one.definition)), text)
  }]
}

/** Others have a turn behind one of more characters. */
const longDefinition = 64 * 1024

export const unapproved = Effect.fnUntraced(function*(relay: Relay) {
  const tools: Array<UnapprovedTool> = []
  for (const one of yield* offeredBy(relay)) {
    tools.push(...toolView(relay, one))
    if (one.definition.text.length > longDefinition) yield* Effect.yieldNow
  }
  return {
    relay: relay.id,
    pinned: relay.pins.pinned,
    approved: relay.pins.count(),
    tools
  } satisfies UnapprovedTools
})

/** For the status: how many there are. `null` where the relay's tools are not pinned. */
export const PinnedView = Schema.NullOr(
  Schema.Struct({ approved: Schema.Int, changed: Schema.Int, new: Schema.Int })
)

export const pinnedView = Effect.fnUntraced(function*(relay: Relay) {
  if (!relay.pins.pinned) return null
  // A disk that fails is said elsewhere.
  const all = yield* Effect.orElseSucceed(offered(relay), () => [])
  const count = (wanted: "new" | "changed") => all.filter((one) => relay.pins.approval(one) === wanted).length
  return { approved: relay.pins.count(), changed: count("changed"), new: count("new") }
})
