/** Who may use the admin API: whoever can read `<data-dir>/admin-secret`. */
import { HttpApiMiddleware, HttpApiSecurity } from "effect/http-api"
import { BadRequest, Unauthorized } from "./AdminErrors.ts"

export class AdminAccess extends HttpApiMiddleware.Service<AdminAccess>()("holdfast/admin/AdminAccess", {
  requiredForClient: true,
  security: { bearer: HttpApiSecurity.bearer },
  error: Unauthorized
}) {}

/** Input that doesn't fit the API's schemas is answered with what was expected, not with an empty 400. */
export class AdminInput extends HttpApiMiddleware.Service<AdminInput>()("holdfast/admin/AdminInput", {
  error: BadRequest
}) {}
