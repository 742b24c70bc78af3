import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { type LogLevelForeign, LogThreshold } from "../observability/LogThreshold.ts"
import { AdminApi } from "./AdminApi.ts"
import { Conflict } from "./AdminErrors.ts"

const conflict = Effect.mapError(({ message }: LogLevelForeign) => new Conflict({ message }))

export const layerNoDeps = HttpApiBuilder.group(
  AdminApi,
  "logLevel",
  Effect.fn(function*(handlers) {
    const threshold = yield* LogThreshold
    return handlers.handleAll({
      show: () => threshold.level.pipe(Effect.map((level) => ({ level })), conflict),
      set: Effect.fnUntraced(function*({ payload: { level } }) {
        const before = yield* threshold.level
        // Said at the more talkative of the two levels.
        const isSaid = threshold.isEnabled("Info")
        const said = before === level ? Effect.void : Effect.logInfo("The log level changes", { before, after: level })
        if (isSaid) yield* said
        yield* threshold.set(level)
        if (!isSaid) yield* said
        return { level }
      }, conflict)
    })
  })
)
