/** The running daemon as `DaemonProof` proves it, for commands: an effect that fails with what was found instead. */
import { Effect, Schedule, Schema } from "effect"
import { isStartedAgain, proveDaemon, type ProvenDaemon, reasons } from "./DaemonProof.ts"

/** Nothing was sent. */
export class NotProven extends Schema.TaggedError<NotProven>()("NotProven", {
  reason: Schema.Literals(reasons),
  found: Schema.String
}) {
  override get message(): string {
    return this.found
  }
}

/** As it is at this moment. */
export const provenNow = Effect.fn("provenNow")(function*(
  dataDir: string
): Effect.fn.Return<ProvenDaemon, NotProven> {
  const daemon = proveDaemon(dataDir)
  return "reason" in daemon ? yield* new NotProven(daemon) : daemon
})

/** Longer than a supervisor waits before it starts a daemon. */
const untilStarted = Schedule.upTo(Schedule.spaced("50 millis"), { duration: "15 seconds" })

/** Waits for a daemon that its supervisor starts again. */
export const provenDaemon = (dataDir: string): Effect.Effect<ProvenDaemon, NotProven> =>
  provenNow(dataDir).pipe(
    Effect.retry({
      schedule: untilStarted,
      while: (unproven) => isStartedAgain(dataDir, unproven)
    })
  )
