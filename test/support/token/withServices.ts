/** What sources stand on, real, for as long as the test: what is made over it outlives the making. */
import { NodeHttpClient, NodeServices } from "@effect/platform-node"
import { Effect, Layer } from "effect"

const services = Layer.merge(NodeServices.layer, NodeHttpClient.layerUndici)

export const withServices = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Layer.build(services), (context) => Effect.provideContext(self, context))
