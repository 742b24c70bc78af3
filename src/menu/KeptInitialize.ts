/** The relay's last InitializeResult, on disk, for agents that connect while it is down. */
import { Context, type Effect, type Option } from "effect"

/** One for each relay. */
export class KeptInitialize extends Context.Service<KeptInitialize, {
  readonly keep: (result: string) => Effect.Effect<void>
  readonly find: Effect.Effect<Option.Option<string>>
}>()("holdfast/menu/KeptInitialize") {}
