/** What the running daemon makes of a changed configuration; `None` where none runs. */
import { Effect, Option, Result } from "effect"
import { DaemonClient } from "../DaemonClient.ts"

/** Fails, where the daemon keeps the relays that it has, with the reason. `variables`: see `ReloadView.unset`. */
export const reloaded = Effect.fn("reloaded")(function*(dataDir: string, variables: ReadonlyArray<string> = []) {
  const asked = yield* Effect.result(
    Effect.flatMap(DaemonClient, ({ ask }) => ask((client) => client.relays.reload({ payload: { variables } }))).pipe(
      Effect.provide(DaemonClient.layer(dataDir))
    )
  )
  if (Result.isSuccess(asked)) return Option.some(asked.success)
  return asked.failure._tag === "NoDaemon" ? Option.none() : yield* asked.failure
})
