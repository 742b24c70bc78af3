import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { DaemonClient, withDaemon } from "./DaemonClient.ts"

export const reload = Command.make("reload", {}, () =>
  Effect.gen(function*() {
    const daemon = yield* DaemonClient
    const { added, changed, needRestart = [], relays, removed } = yield* daemon.ask((client) =>
      client.relays.reload({ payload: {} })
    )
    const changes = [
      ...added.map((relay) => `added    ${relay}`),
      ...changed.map((relay) => `changed  ${relay}`),
      ...removed.map(({ relay, undelivered }) =>
        `removed  ${relay}${undelivered > 0 ? `, ${undelivered} calls undelivered` : ""}`
      )
    ]
    for (const line of changes) yield* Console.log(line)
    yield* Console.log(`${changes.length === 0 ? "nothing changed; " : ""}relays: ${relays.join(", ")}`)
    if (needRestart.length > 0) {
      yield* Console.error(`not in force before a new start ("holdfast restart"): ${needRestart.join(", ")}`)
    }
  })).pipe(
    Command.withDescription("Read the relays of the configuration file anew, as SIGHUP does"),
    Command.withExamples([{
      command: "holdfast reload",
      description: "Serve a relay that was added to holdfast.json"
    }]),
    withDaemon
  )
