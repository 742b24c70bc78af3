import { NodeHttpClient } from "@effect/platform-node"
import { Clock, Console, DateTime, Effect, Option, Result } from "effect"
import { Command } from "effect/cli"
import type { RelayView, StatusView } from "../../admin/StatusView.ts"
import type { TokenView } from "../../admin/TokenView.ts"
import { variableOf } from "../../config/Environment.ts"
import { relayTargets, settingsFrom, type SettingsValues } from "../../config/Settings.ts"
import { DataDirectory, dataDirectoryPath } from "../../storage/DataDirectory.ts"
import { settings } from "../configuration.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { CommandFailed } from "../Failures.ts"
import { jsonFlag } from "../flags.ts"
import { colors, printJson } from "../print.ts"
import { root } from "../root.ts"
import { configuration, dataDirectory, port } from "./beforeDaemon.ts"
import { type Check, Report, unknown } from "./Check.ts"
import { credential, environment, gitHelper } from "./credential.ts"
import { askDaemon, daemon, endpoint } from "./daemon.ts"
import { outbox } from "./outbox.ts"
import { pinnedToolsOf } from "./pinnedTools.ts"
import { relay } from "./relay.ts"
import { token, unanswered, wanted } from "./token.ts"

/** With its query, which may be its key, where the settings have it. */
const urlOf = (relay: RelayView, values: SettingsValues): URL =>
  relayTargets(values).find(({ id }) => id === relay.id)?.url ?? new URL(relay.url)

const tokenOf = Effect.fnUntraced(function*(view: TokenView, of: RelayView, values: SettingsValues, now: DateTime.Utc) {
  const check = token(view, now)
  if (view.state !== "none" || of.link.state === "down") return check
  const challenge = yield* unanswered(urlOf(of, values))
  return Option.isSome(challenge) ? wanted(check.name, of.id, challenge) : check
})

/** What the daemon alone knows. */
const behindDaemon = Effect.fnUntraced(function*(status: StatusView, values: SettingsValues) {
  const now = DateTime.makeUnsafe(Math.floor(yield* Clock.currentTimeMillis))
  const relays = yield* Effect.forEach(
    status.relays,
    Effect.fnUntraced(function*(one) {
      const tokens = yield* Effect.forEach(one.tokens, (each) => tokenOf(each, one, values, now), { concurrency: 4 })
      return [
        yield* relay(one, now, urlOf(one, values)),
        ...tokens,
        outbox(one, values.outbox, now),
        ...pinnedToolsOf(one)
      ]
    })
  )
  return [
    yield* endpoint(status.daemon.url),
    ...relays.flat(),
    ...status.credentials.map((each) => credential(each, now))
  ]
})

const withoutDaemon = Effect.fnUntraced(function*(values: SettingsValues) {
  return [yield* port(values), ...["relay", "token", "outbox"].map((name) => unknown(name, "only a daemon knows"))]
})

export const settingsResult = Effect.result(settings)

/** From the configuration to the relay; what stands in the way of a check is a check of its own. */
export const examine = Effect.fnUntraced(function*(dataDir: string, loaded: Effect.Success<typeof settingsResult>) {
  const asked = yield* askDaemon
  const daemonsSide: ReadonlyArray<Check> = [
    yield* configuration(loaded),
    yield* dataDirectory(dataDir),
    yield* daemon(dataDir, asked)
  ]
  const values = Result.getOrElse(loaded, () => settingsFrom({}))
  const behind = Result.isSuccess(asked) ? yield* behindDaemon(asked.success, values) : yield* withoutDaemon(values)
  const usersSide = Result.isSuccess(loaded)
    ? [yield* gitHelper(values), environment(values, process.env)]
    : ["git helper", "environment"].map((name) => unknown(name, "the configuration says what belongs there"))
  const checks = [...daemonsSide, ...behind, ...usersSide]
  return { ok: checks.every(({ state }) => state !== "problem"), checks } satisfies Report
})

const print = Effect.fnUntraced(function*({ checks }: Report) {
  const paint = yield* colors
  const colours = { ok: "green", problem: "red", unknown: "dim" } as const
  for (const { found, name, remedy, state } of checks) {
    const todo = remedy === null ? "" : `; do: ${remedy}`
    yield* Console.log(`${paint(colours[state], state.padEnd(7))}  ${name}: ${found}${todo}`)
  }
})

export const doctor = Command.make(
  "doctor",
  { json: jsonFlag },
  Effect.fn(function*({ json }) {
    const loaded = yield* settingsResult
    const named = Option.getOrUndefined((yield* root).dataDir) ?? (process.env[variableOf(["dataDir"])] || undefined)
    const dataDir = yield* dataDirectoryPath(Result.isSuccess(loaded) ? loaded.success.dataDir : named)
    const report = yield* examine(dataDir, loaded).pipe(
      Effect.provide([DaemonClient.layer(dataDir), DataDirectory.layerReading(dataDir), NodeHttpClient.layerUndici])
    )
    yield* json ? printJson(Report)(report) : print(report)
    if (report.ok) return
    const problems = report.checks.filter(({ state }) => state === "problem").length
    return yield* new CommandFailed({ message: problems === 1 ? "1 problem" : `${problems} problems` })
  })
).pipe(
  Command.withDescription("Check each link of the chain; say what is wrong, and what to do"),
  Command.withExamples([{ command: "holdfast doctor", description: "Check everything, and say what to do" }, {
    command: "holdfast doctor --json",
    description: "Print the checks as JSON"
  }])
)
