/** The process of the running daemon, for the commands that end it: they do for a daemon of any version. */
import { Effect, Schema } from "effect"
import { DaemonClient } from "./DaemonClient.ts"
import { CommandFailed } from "./Failures.ts"

/** The status has more members in one version than in another; these it has always had. */
const Process = Schema.Struct({
  pid: Schema.Int,
  portHeldBy: Schema.optionalKey(Schema.String),
  supervisor: Schema.optionalKey(Schema.NullOr(Schema.Struct({ pid: Schema.Int })))
})
const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Struct({ daemon: Process })))

export const servingProcess = Effect.gen(function*() {
  const { read } = yield* DaemonClient
  const status = yield* read("/api/status", "application/json")
  return yield* Effect.mapBoth(decode(status), {
    onFailure: () => new CommandFailed({ message: "the daemon does not say which process it is: end it by hand" }),
    onSuccess: ({ daemon }) => daemon
  })
})
