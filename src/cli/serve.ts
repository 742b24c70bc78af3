import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { type ClientEntry, secretPlace, shellWord } from "../clients/ClientEntry.ts"
import { changedSettings } from "../config/changedSettings.ts"
import { relayTargets, type SettingsValues } from "../config/Settings.ts"
import { defaultRelay } from "../domain/Ids.ts"
import { shownUrl } from "../domain/ShownUrl.ts"
import { version } from "../domain/Version.ts"
import * as Runner from "../Runner.ts"
import { DaemonRunning } from "../storage/DaemonLock.ts"
import { provenNow } from "../storage/ProvenDaemon.ts"
import * as PortHolder from "../supervision/PortHolder.ts"
import { entryAt } from "./config/endpointEntry.ts"
import { dataDirectory, logging, settingsWith } from "./configuration.ts"
import { hangups, stopReason, stopsBySignal } from "./exitCode.ts"
import { UsageError } from "./Failures.ts"
import { portFlag } from "./flags.ts"
import { root } from "./root.ts"

const neither = "serve needs a relay: name one with --relay URL (or HOLDFAST_RELAY_URL, or relay.url in the "
  + "configuration file), or run the one that ships with Holdfast with --embedded"

/** The relays to serve; an embedded one lives as long as the scope, and takes the place of the default one. */
const relaysFor = Effect.fnUntraced(function*(settings: SettingsValues, dataDir: string, embedded: boolean) {
  const configured = relayTargets(settings)
  if (!embedded) {
    return configured.length > 0 ? { relays: configured } : yield* new UsageError({ message: neither })
  }
  yield* refuseSecond(dataDir)
  // A server of MCP's own, which a daemon without one is not to load.
  const { embeddedRelay } = yield* Effect.promise(() => import("./embeddedRelay.ts"))
  const { provisioning, tokenFile, url } = yield* embeddedRelay(dataDir, Option.none(), settings.embedded.socket)
  const relays = [
    { id: defaultRelay, url, token: { file: tokenFile } },
    ...configured.filter((relay) => relay.id !== defaultRelay)
  ]
  return { relays, provisioning }
})

/** The lock says so too, but the embedded relay comes first, and would say only that its port is taken. */
const refuseSecond = Effect.fnUntraced(function*(directory: string) {
  const found = yield* Effect.option(provenNow(directory))
  if (Option.isNone(found)) return
  const { pid, url } = found.value
  return yield* new DaemonRunning({ directory, pid: Option.some(pid), url: Option.some(url) })
})

/** The one line that registers the agents of this user; no secret is in it. */
const agentsLine = ({ options, program }: ClientEntry, embedded: boolean) =>
  [...program, "connect", ...embedded ? ["--embedded"] : [], ...options].map(shellWord).join(" ")

/** One relay by its URL; several by name too, a line each. */
const relayLines = (relays: ReadonlyArray<{ readonly id: string; readonly url: URL }>): string => {
  const shown = relays.map(({ id, url }) => ({ id, url: shownUrl(url) }))
  if (shown.length === 1) return `relay        ${shown[0]?.url}`
  return shown.map(({ id, url }, index) => `${index === 0 ? "relays" : "      "}       ${id} → ${url}`).join("\n  ")
}

const announce = (
  dataDir: string,
  relays: ReadonlyArray<{ readonly id: string; readonly url: URL }>,
  embedded: boolean,
  config: string | undefined
) =>
(endpoint: { readonly url: string }) => {
  const entry = entryAt(endpoint.url, dataDir, { config })
  return Console.log(`holdfast ${version} is ready

  endpoint     ${entry.url}
  ${relayLines(relays)}
  secret       ${secretPlace(entry)}

  agents       ${agentsLine(entry, embedded)}
`)
}

const logRestart = ({ supervisor }: PortHolder.PortHolder) => {
  if (Option.isNone(supervisor) || supervisor.value.restarts === 0) return Effect.void
  const { lastEnd, restarts } = supervisor.value
  return Effect.logWarning("the daemon ended by itself and was started again", { ended: lastEnd, restarts })
}

export const serve = Command.make("serve", {
  relay: Flag.String("relay").pipe(
    Flag.withDescription("The relay: a remote MCP endpoint"),
    Flag.withMetavar("URL"),
    Flag.optional
  ),
  embedded: Flag.Boolean("embedded").pipe(
    Flag.withDescription("Run the relay that ships with Holdfast, and use it"),
    Flag.withDefault(false)
  ),
  port: portFlag.pipe(
    Flag.withDescription("Where agents connect (default: 4851); 0 picks a free port and keeps it"),
    Flag.optional
  ),
  // For the process that starts the daemon; the daemon itself has nothing to do with it.
  noSupervisor: Flag.Boolean("no-supervisor").pipe(
    Flag.withDescription("Without the parent process that keeps the port and starts the daemon again after a crash"),
    Flag.withDefault(false)
  )
}, ({ relay, embedded, port }) =>
  Effect.gen(function*() {
    // First, since the settings take each variable for one of theirs.
    const holder = yield* PortHolder.fromEnvironment
    if (embedded && Option.isSome(relay)) {
      return yield* new UsageError({ message: "--relay and --embedded name two relays: choose one" })
    }
    const reading = settingsWith({ relay: Option.getOrUndefined(relay), port: Option.getOrUndefined(port) })
    const settings = yield* reading
    const reread = Effect.provideContext(
      Effect.map(reading, (now) => ({ relays: relayTargets(now), needRestart: changedSettings(settings, now) })),
      yield* Effect.context<Effect.Services<typeof reading>>()
    )
    return yield* Effect.gen(function*() {
      const dataDir = yield* dataDirectory
      const own = embedded || (settings.relay.embedded === true && Option.isNone(relay))
      const served = yield* relaysFor(settings, dataDir, own)
      const config = Option.getOrUndefined((yield* root).config)
      const onReady = announce(dataDir, served.relays, own, config)
      yield* logRestart(holder)
      return yield* Runner.serve({ settings, ...served, reread, hangup: (yield* hangups).next, onReady, stopReason })
    }).pipe(Effect.provide(logging(settings)), Effect.provideService(PortHolder.PortHolder, holder))
  }).pipe(Effect.scoped, stopsBySignal)).pipe(
    Command.withDescription("Run the daemon, in the foreground, until it is stopped by a signal"),
    Command.withExamples([{
      command: "holdfast serve --relay https://relay.example.com/mcp",
      description: "Run in front of your remote MCP server"
    }, { command: "holdfast serve --embedded", description: "Run with the relay that ships with Holdfast" }])
  )
