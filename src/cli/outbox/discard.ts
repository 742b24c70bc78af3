import { Effect } from "effect"
import { Command } from "effect/cli"
import { Done } from "../../admin/AdminApi.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { jsonFlag } from "../jsonFlag.ts"
import { printJson } from "../printJson.ts"
import { withDaemon } from "../withDaemon.ts"
import { report } from "./report.ts"
import { selectionParameters, toSelection } from "./selection.ts"

export const discard = Command.make(
  "discard",
  { ...selectionParameters(["pending", "held", "dead"]), json: jsonFlag },
  Effect.fn(function*({ json, ...given }) {
    const selection = yield* toSelection(given)
    const daemon = yield* DaemonClient
    const done = yield* daemon.ask((client) => client.outbox.discard({ payload: selection }))
    if (json) return yield* printJson(Done)(done)
    yield* report(done.ids, selection, { done: "discarded", not: "in flight, delivered, or not there" })
  })
).pipe(Command.withDescription("Remove calls that wait, are held or are dead: they are not sent"), withDaemon)
