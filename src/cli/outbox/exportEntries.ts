import { Console, Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { EntryDetail, EntryStateView } from "../../admin/OutboxView.ts"
import { optionalAgentFlag } from "../agentFlag.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { withDaemon } from "../withDaemon.ts"

const page = 200
const encode = Schema.encodeEffect(Schema.fromJsonString(Schema.toCodecJson(EntryDetail)))

export const exportEntries = Command.make(
  "export",
  {
    state: Flag.Literals("state", EntryStateView.literals).pipe(
      Flag.withDescription("Only entries in this state"),
      Flag.optional
    ),
    agent: optionalAgentFlag
  },
  Effect.fn(function*({ agent, state }) {
    const daemon = yield* DaemonClient
    const filter = { limit: page, state: Option.getOrUndefined(state), agent: Option.getOrUndefined(agent) }
    const print = Effect.fnUntraced(function*(after: number) {
      const { entries, next } = yield* daemon.ask((client) => client.outbox.export({ query: { ...filter, after } }))
      for (const entry of entries) yield* Console.log(yield* Effect.orDie(encode(entry)))
      return Option.fromNullishOr(next)
    })
    let next = yield* print(0)
    while (Option.isSome(next)) next = yield* print(next.value)
  })
).pipe(
  Command.withDescription("Print accepted calls whole, with what is sent and what came back: a line of JSON each"),
  withDaemon
)
