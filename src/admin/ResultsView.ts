/** Kept results as the admin API tells them. */
import { Option, Schema } from "effect"
import { AgentName, RelayId } from "../domain/Ids.ts"
import type { KeptResult } from "../results/KeptResult.ts"
import { Instant, instant, instantOrNull } from "./Instant.ts"

/** One call without what was answered, which only `show` tells. */
export const ResultView = Schema.Struct({
  id: Schema.Int,
  relay: RelayId,
  agent: AgentName,
  tool: Schema.String,
  /** Under way at the relay, waiting in the outbox, or ended: with the relay's result, or an error. */
  state: Schema.Literals(["running", "queued", "answered", "failed"]),
  calledAt: Instant,
  endedAt: Schema.NullOr(Instant),
  /** When its agent was told of it, or was given it. */
  toldAt: Schema.NullOr(Instant),
  bytes: Schema.Int
})
export type ResultView = typeof ResultView.Type

/** With the JSON-RPC response of one that has ended; its id is null. */
export const ResultDetail = Schema.Struct({ ...ResultView.fields, response: Schema.NullOr(Schema.String) })
export type ResultDetail = typeof ResultDetail.Type

/** In order of id; `next` is what `after` should be for the following page. */
export const ResultPage = Schema.Struct({ results: Schema.Array(ResultView), next: Schema.NullOr(Schema.Int) })

export const resultView = (relay: RelayId, result: KeptResult): ResultView => ({
  id: result.id,
  relay,
  agent: result.agent,
  tool: result.tool,
  state: result.state,
  calledAt: instant(result.calledAt),
  endedAt: instantOrNull(result.endedAt),
  toldAt: instantOrNull(result.toldAt),
  bytes: result.bytes
})

export const resultDetail = (relay: RelayId, result: KeptResult): ResultDetail => ({
  ...resultView(relay, result),
  response: Option.getOrNull(result.response)
})
