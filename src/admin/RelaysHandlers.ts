import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { AdminApi } from "./AdminApi.ts"
import { Conflict } from "./AdminErrors.ts"
import { RelayReload } from "./RelayReload.ts"

export const layerNoDeps = HttpApiBuilder.group(
  AdminApi,
  "relays",
  Effect.fn(function*(handlers) {
    const { reload } = yield* RelayReload

    return handlers.handleAll({
      reload: ({ payload: { variables = [] } }) =>
        reload.pipe(
          Effect.map((reloaded) => ({ ...reloaded, unset: variables.filter((name) => !process.env[name]) })),
          Effect.mapError((error) => new Conflict({ message: error.message }))
        )
    })
  })
)
