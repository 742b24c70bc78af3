import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { RelayRegistry } from "../mcp/RelayRegistry.ts"
import { AdminApi } from "./AdminApi.ts"
import { Conflict } from "./AdminErrors.ts"

export const layerNoDeps = HttpApiBuilder.group(
  AdminApi,
  "relays",
  Effect.fn(function*(handlers) {
    const { reload } = yield* RelayRegistry

    return handlers.handleAll({
      reload: ({ payload: { variables = [] } }) =>
        reload.pipe(
          Effect.map((reloaded) => ({ ...reloaded, unset: variables.filter((name) => !process.env[name]) })),
          Effect.mapError((error) => new Conflict({ message: error.message }))
        )
    })
  })
)
