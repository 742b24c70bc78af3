import { Effect, Redacted } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Credentials } from "../credentials/Credentials.ts"
import { AdminApi } from "./AdminApi.ts"
import { NotFound, Unavailable } from "./AdminErrors.ts"
import { credentialAnswer, credentialView } from "./CredentialView.ts"

export const layerNoDeps = HttpApiBuilder.group(
  AdminApi,
  "credential",
  Effect.fn(function*(handlers) {
    const credentials = yield* Credentials

    return handlers.handleAll({
      list: () => Effect.map(credentials.status, (all) => all.map(credentialView)),
      get: ({ payload }) =>
        credentials.get(payload).pipe(
          Effect.map(credentialAnswer),
          Effect.mapError((error) =>
            error._tag === "NotOurs"
              ? new NotFound({ message: error.message })
              : new Unavailable({ message: error.message })
          )
        ),
      erase: ({ payload: { password, ...place } }) =>
        credentials.erase(place, password === undefined ? undefined : Redacted.make(password))
    })
  })
)
