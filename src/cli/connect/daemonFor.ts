/** The daemon that `connect` needs: the one that runs, else a service or a process that it starts and records. */
import { Console, Effect, FileSystem, Option, Schedule } from "effect"
import { basename, dirname, join } from "node:path"
import type { TokenView } from "../../admin/TokenView.ts"
import { defaultAgent } from "../../domain/Ids.ts"
import * as UserFile from "../../storage/UserFile.ts"
import { self } from "../../supervision/ownProgram.ts"
import { settings } from "../configuration.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { CommandFailed } from "../Failures.ts"
import { runningDaemon, startedDaemon } from "../startedDaemon.ts"
import { stopDaemon } from "../stop.ts"
import { isUnproven } from "../token.ts"
import * as Service from "./Service.ts"

/** Where npx keeps it, it may be gone tomorrow: then a copy in the data directory is what clients and the service start. */
export const program = Effect.fnUntraced(function*(dataDir: string) {
  const words = self()
  const main = words.at(-1) ?? ""
  if (!main.includes(`${join("/", "_npx")}/`)) return words
  const fs = yield* FileSystem.FileSystem
  const copy = join(dataDir, "program")
  yield* fs.makeDirectory(dataDir, { recursive: true, mode: 0o700 })
  yield* Effect.ignore(fs.remove(copy, { recursive: true }))
  yield* fs.copy(dirname(main), copy)
  yield* UserFile.replace(join(copy, "package.json"), "{\"type\":\"module\"}\n")
  return [...words.slice(0, -1), join(copy, basename(main))]
})

const awaited = (dataDir: string) =>
  runningDaemon(dataDir).pipe(
    Effect.flatMap(Effect.fromOption),
    Effect.retry(Schedule.upTo(Schedule.spaced("50 millis"), { duration: "60 seconds" })),
    Effect.mapError(() =>
      new CommandFailed({ message: "the service was started, but is not ready after 60 s: see \"holdfast logs\"" })
    )
  )

interface Wanted {
  readonly dataDir: string
  readonly config: string
  readonly words: ReadonlyArray<string>
  readonly asService: boolean
}

const start = Effect.fnUntraced(function*({ asService, config, dataDir, words }: Wanted) {
  const kind = asService ? yield* Service.manager : "process"
  if (kind === "process") {
    yield* Service.keep(dataDir, { kind, name: "", file: "" })
    return yield* startedDaemon(yield* settings, dataDir, Option.some(config), words)
  }
  const { listen } = yield* settings
  const line = [...words, "serve", "--data-dir", dataDir, "--config", config]
  const service = yield* Service.start(kind, dataDir, line, listen)
  yield* Console.log(`started as a service: ${service.name} (${service.file})`)
  return yield* awaited(dataDir)
})

/** Started, or left as it runs. `changed`: its configuration was changed, so one that we started is started anew. */
export const daemonFor = Effect.fn("daemonFor")(function*(wanted: Wanted, changed: boolean) {
  const found = yield* runningDaemon(wanted.dataDir)
  if (Option.isNone(found)) return yield* start(wanted)
  if (!changed) return found.value
  const ours = yield* Service.find(wanted.dataDir)
  if (Option.isNone(ours)) {
    yield* Console.error(
      `The daemon that runs, process ${found.value.pid}, was started by somebody else and has the old configuration: stop it `
        + "(\"holdfast stop\"), then run this again."
    )
    return found.value
  }
  yield* stopDaemon(wanted.dataDir)
  return yield* start({ ...wanted, asService: ours.value.kind !== "process" })
})

/** A relay that refused the token, or asks for one, tells no tools before that is mended. */
const isRefused = ({ lastError, state }: TokenView): boolean => state === "rejected" || lastError?.code === "wanted"

/**
 * Whether that relay lets the default agent in, once each relay's link is up and its tokens are proven or refused, or
 * they have had their time.
 */
export const letsIn = Effect.fnUntraced(function*(relay: string) {
  const daemon = yield* DaemonClient
  const status = daemon.ask((client) => client.status())
  const { relays } = yield* status.pipe(
    Effect.filterOrFail(
      ({ relays }) =>
        relays.every(({ link, tokens }) => tokens.some(isRefused) || (link.state === "up" && !tokens.some(isUnproven))),
      () => "not yet"
    ),
    Effect.retry(Schedule.upTo(Schedule.spaced("100 millis"), { duration: "6 seconds" })),
    Effect.catch(() => status)
  )
  return !relays.some(({ id, tokens }) =>
    id === relay && tokens.some((token) => token.agent === defaultAgent && isRefused(token))
  )
})

/** The default agent's view of the relay's tools, as soon as the relay has told them. */
export const toolsOf = Effect.fnUntraced(function*(relay: string) {
  const daemon = yield* DaemonClient
  return yield* daemon.ask((client) => client.tools.show({ query: { agent: defaultAgent } })).pipe(
    Effect.map((views) => views.find((view) => view.relay === relay && view.fetchedAt !== null)),
    Effect.flatMap(Effect.fromNullishOr),
    Effect.retry(Schedule.upTo(Schedule.spaced("200 millis"), { duration: "5 seconds" })),
    Effect.option
  )
})
