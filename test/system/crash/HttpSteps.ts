/** Kills the daemon before or after an acknowledgement leaves. */
import { ServerResponse } from "node:http"
import type { KillPoint } from "./KillPoint.ts"

const isAcknowledgement = (chunk: unknown): boolean => typeof chunk === "string" && chunk.includes(`"queued":true`)

export const killInHttp = (killPoint: KillPoint): void => {
  for (const name of ["write", "end"] as const) {
    const original = ServerResponse.prototype[name]
    Object.defineProperty(ServerResponse.prototype, name, {
      value: function(this: ServerResponse, ...parameters: ReadonlyArray<unknown>): unknown {
        const acknowledges = isAcknowledgement(parameters[0])
        if (acknowledges) killPoint.reach("acknowledgement, before it leaves")
        const result: unknown = Reflect.apply(original, this, parameters)
        if (acknowledges) killPoint.reach("acknowledgement, gone")
        return result
      }
    })
  }
}
