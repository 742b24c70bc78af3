import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { AgentView } from "../../admin/AgentView.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { jsonFlag } from "../jsonFlag.ts"
import { printJson } from "../printJson.ts"
import { withDaemon } from "../withDaemon.ts"
import { nameArgument } from "./nameArgument.ts"

const inWords = ({ agent, undelivered }: AgentView): string =>
  undelivered === 0
    ? `agent ${agent} is removed`
    : `agent ${agent} is removed; ${undelivered} queued calls stay until they are delivered or discarded, and its name `
      + "is taken until then"

export const remove = Command.make(
  "remove",
  { name: nameArgument, json: jsonFlag },
  Effect.fn(function*({ name, json }) {
    const daemon = yield* DaemonClient
    const view = yield* daemon.ask((client) => client.agents.remove({ params: { agent: name } }))
    yield* json ? printJson(AgentView)(view) : Console.log(inWords(view))
  })
).pipe(Command.withDescription("Remove an agent: its sessions end, what it queued is still delivered"), withDaemon)
