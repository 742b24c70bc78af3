import { Effect } from "effect"
import { connect } from "node:net"
import type { SettingsValues } from "../../config/Settings.ts"
import { type Check, ok, problem } from "./Check.ts"

const name = "endpoint"
const timeout = 1000

/** Where no daemon runs: whether another program has the port that one would take. */
export const port = ({ listen: { host, port } }: SettingsValues): Effect.Effect<Check> => {
  if (port === 0) return Effect.succeed(ok(name, "the daemon picks a port at its start"))
  const place = `${host}:${port}`
  return Effect.callback<Check>((resume) => {
    const socket = connect({ host, port, timeout })
    const free = () => resume(Effect.succeed(ok(name, `${place} is free for a daemon`)))
    socket.once("error", free).once("timeout", free).once("connect", () =>
      resume(Effect.succeed(
        problem(name, `another program has ${place}`, "stop that one, or choose another with --port or listen.port")
      )))
    return Effect.sync(() => socket.destroy())
  })
}
