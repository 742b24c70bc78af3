import { Effect } from "effect"
import { Command } from "effect/cli"
import { DaemonClient } from "../DaemonClient.ts"
import { explain } from "./explain.ts"
import { gitInput } from "./gitInput.ts"
import { quietly } from "./quietly.ts"

const forget = Effect.gen(function*() {
  const { host, password, protocol, username } = yield* gitInput
  if (host === undefined || protocol === undefined) return
  yield* explain(`${protocol}://${host} refused it: another is asked for with the next get`)
  const daemon = yield* DaemonClient
  yield* daemon.ask((client) => client.credential.erase({ payload: { protocol, host, username, password } }))
})

export const erase = Command.make("erase", {}, () => quietly(forget)).pipe(
  Command.withDescription("For git: what was refused is not given out again")
)
