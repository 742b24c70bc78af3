/** The transport that a relay's URL asks for, by its scheme: Streamable HTTP, or a local socket. Nothing above knows which. */
import { Effect, Layer } from "effect"
import { RelayTarget } from "../config/Settings.ts"
import { RelayTransport } from "./transport/RelayTransport.ts"

export const layer = Layer.unwrap(Effect.gen(function*() {
  const { url } = yield* RelayTarget
  if (url.protocol !== "unix:") return RelayTransport.layer
  // Most daemons have no such relay.
  const { layer } = yield* Effect.promise(() => import("./socket/SocketTransport.ts"))
  return layer
}))
