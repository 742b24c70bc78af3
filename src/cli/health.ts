import { NodeHttpClient } from "@effect/platform-node"
import { Console, Effect, Schema } from "effect"
import { Command } from "effect/cli"
import { HttpClient } from "effect/http"
import { provenDaemon } from "../storage/ProvenDaemon.ts"
import { daemonDirectory } from "./configuration.ts"
import { CommandFailed, notProven } from "./Failures.ts"

const Ready = Schema.fromJsonString(Schema.Struct({ ready: Schema.Boolean, degraded: Schema.Array(Schema.String) }))

/** For a probe: the exit code says it. Degraded is healthy: it serves. */
export const health = Command.make("health", {}, () =>
  Effect.gen(function*() {
    const dataDir = yield* daemonDirectory
    const { url } = yield* Effect.mapError(provenDaemon(dataDir), notProven(dataDir))
    const http = yield* HttpClient.HttpClient
    const answer = yield* http.get(new URL("/readyz", url)).pipe(
      Effect.flatMap((response) => response.text),
      Effect.flatMap(Schema.decodeEffect(Ready)),
      Effect.timeout("5 seconds"),
      Effect.mapError(() => new CommandFailed({ message: `${url} does not say that it is ready` }))
    )
    if (!answer.ready) return yield* new CommandFailed({ message: `${url} is not ready: it is being stopped` })
    yield* Console.log(answer.degraded.length === 0 ? "ready" : `ready, without: ${answer.degraded.join("; ")}`)
  })).pipe(
    Command.withDescription("Whether the daemon serves, for probes: 0 yes, 1 no, 3 no daemon"),
    Command.withExamples([{ command: "holdfast health", description: "Say so, with the exit code for a probe" }]),
    Command.provide(NodeHttpClient.layerUndici)
  )
