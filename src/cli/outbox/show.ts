import { Console, DateTime, Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { EntryDetail } from "../../admin/OutboxView.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { ink } from "../Ink.ts"
import { jsonFlag } from "../jsonFlag.ts"
import { printJson } from "../printJson.ts"
import { withDaemon } from "../withDaemon.ts"

export const show = Command.make(
  "show",
  {
    id: Argument.Int("id").pipe(Argument.withDescription("The entry's id, as \"outbox list\" shows it")),
    json: jsonFlag
  },
  Effect.fn(function*({ id, json }) {
    const daemon = yield* DaemonClient
    const entry = yield* daemon.ask((client) => client.outbox.show({ params: { id } }))
    if (json) return yield* printJson(EntryDetail)(entry)
    const paint = yield* ink
    const facts: ReadonlyArray<readonly [name: string, value: string | null]> = [
      ["id", String(entry.id)],
      ["state", entry.state],
      ["reason", entry.reason],
      ["last error", entry.lastError],
      ["relay", `${entry.relay} (${entry.destination})`],
      ["agent", entry.agent],
      ["lane", entry.lane],
      ["tool", entry.tool],
      ["key", entry.key],
      ["accepted", DateTime.formatIso(entry.occurredAt)],
      ["tries", String(entry.attempts)],
      ["settled", entry.settledAt === null ? null : DateTime.formatIso(entry.settledAt)],
      ["request", entry.request],
      ["result", entry.result]
    ]
    for (const [name, value] of facts) {
      if (value !== null) yield* Console.log(`${paint("dim", name.padEnd(10))}  ${value}`)
    }
  })
).pipe(Command.withDescription("Show one call, with what is sent and what came back"), withDaemon)
