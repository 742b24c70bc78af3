/**
 * SIGHUP has two senders. The terminal sends it when it goes: then the daemon stops cleanly, as by SIGTERM. A service manager
 * or an operator sends it to a daemon that has no terminal: then the relays are read anew.
 */
import { Effect, Queue } from "effect"
import { noteSignal } from "./exitCode.ts"

const onTerminal = () => [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY)

/** Each request to reload, for as long as the scope is open. */
export const hangups = Effect.gen(function*() {
  const queue = yield* Queue.sliding<void>(1)
  const stops = onTerminal()
  const listener = () => {
    if (stops) {
      noteSignal("SIGHUP")
      process.kill(process.pid, "SIGTERM")
    } else Queue.offerUnsafe(queue, undefined)
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => process.on("SIGHUP", listener)),
    () => Effect.sync(() => process.off("SIGHUP", listener))
  )
  return Queue.take(queue)
})
