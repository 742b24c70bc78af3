/** A real MCP exchange on one control session of its own: `initialize` once, then `ping`. */
import { Context, type Effect } from "effect"
import type { RelayFailure } from "./RelayFailure.ts"

export class RelayProbe extends Context.Service<RelayProbe, {
  /** Succeeds where the relay answered at all, a JSON-RPC error or a 401 included; 5 s at most. */
  readonly once: Effect.Effect<void, RelayFailure>
}>()("holdfast/relay/RelayProbe") {}
