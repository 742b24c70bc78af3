import { Effect } from "effect"
import { Command } from "effect/cli"
import { Done } from "../../admin/AdminApi.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { jsonFlag } from "../jsonFlag.ts"
import { printJson } from "../printJson.ts"
import { withDaemon } from "../withDaemon.ts"
import { report } from "./report.ts"
import { selectionParameters, toSelection } from "./selection.ts"

export const retry = Command.make(
  "retry",
  { ...selectionParameters(["held", "dead"]), json: jsonFlag },
  Effect.fn(function*({ json, ...given }) {
    const selection = yield* toSelection(given)
    const daemon = yield* DaemonClient
    const done = yield* daemon.ask((client) => client.outbox.retry({ payload: selection }))
    if (json) return yield* printJson(Done)(done)
    yield* report(done.ids, selection, { done: "back in line", not: "neither dead nor held, or not there" })
  })
).pipe(Command.withDescription("Put dead and held calls back in line, at the tail of their lane"), withDaemon)
