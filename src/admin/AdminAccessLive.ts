/** The server's side of `AdminAccess` and `AdminInput`. */
import { Effect, Layer } from "effect"
import { HttpApiMiddleware } from "effect/http-api"
import { AdminAccess, AdminInput } from "./AdminAccess.ts"
import { BadRequest, Unauthorized } from "./AdminErrors.ts"
import { AdminSecret } from "./AdminSecret.ts"

export const unauthorized = new Unauthorized({
  message: "wrong or missing admin secret; it is in admin-secret in the data directory"
})

const access = Layer.effect(
  AdminAccess,
  Effect.gen(function*() {
    const secret = yield* AdminSecret
    return AdminAccess.of({
      bearer: (handler, { credential }) =>
        secret.matches(credential) ? handler : Effect.fail(
          unauthorized
        )
    })
  })
)

const input = HttpApiMiddleware.layerSchemaErrorTransform(
  AdminInput,
  (error) => Effect.fail(new BadRequest({ message: `${error.kind.toLowerCase()}: ${error.cause.message}` }))
)

export const layerNoDeps = Layer.merge(access, input)
