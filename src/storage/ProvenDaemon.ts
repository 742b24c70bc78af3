/** The running daemon as `DaemonProof` proves it, for commands: an effect that fails with what was found instead. */
import { Effect, Schema } from "effect"
import { proveDaemon, type ProvenDaemon, reasons } from "./DaemonProof.ts"

/** Nothing was sent. */
export class NotProven extends Schema.TaggedError<NotProven>()("NotProven", {
  reason: Schema.Literals(reasons),
  found: Schema.String
}) {
  override get message(): string {
    return this.found
  }
}

export const provenDaemon = Effect.fn("provenDaemon")(function*(
  dataDir: string
): Effect.fn.Return<ProvenDaemon, NotProven> {
  const daemon = proveDaemon(dataDir)
  return "reason" in daemon ? yield* new NotProven(daemon) : daemon
})
