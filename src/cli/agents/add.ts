import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { NewAgent } from "../../admin/AgentView.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { jsonFlag } from "../jsonFlag.ts"
import { printJson } from "../printJson.ts"
import { withDaemon } from "../withDaemon.ts"
import { nameArgument } from "./nameArgument.ts"

/** The secret alone on standard output, so that it can be piped to where it belongs. */
export const add = Command.make(
  "add",
  { name: nameArgument, json: jsonFlag },
  Effect.fn(function*({ name, json }) {
    const daemon = yield* DaemonClient
    const added = yield* daemon.ask((client) => client.agents.add({ payload: { agent: name } }))
    if (json) return yield* printJson(NewAgent)(added)
    yield* Console.error(`agent ${added.agent} is added; its secret is told this once:`)
    yield* Console.log(added.secret)
  })
).pipe(Command.withDescription("Add an agent, and print its new secret once"), withDaemon)
