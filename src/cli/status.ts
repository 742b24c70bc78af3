import { Clock, Console, DateTime, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { type DaemonView, type LinkView, type RelayView, StatusView } from "../admin/StatusView.ts"
import type { UplinkView } from "../admin/UplinkView.ts"
import { formatCredential } from "./credential/credential.ts"
import { DaemonClient, withDaemon } from "./DaemonClient.ts"
import { UsageError } from "./Failures.ts"
import { jsonFlag } from "./flags.ts"
import { openDashboard } from "./open.ts"
import { formatHeld } from "./outbox/held.ts"
import { colors, formatAge, type Paint, printJson } from "./print.ts"
import { formatToken } from "./token.ts"
import { watch } from "./top/top.ts"

const formatLink = (link: LinkView, now: DateTime.Utc, paint: Paint): string =>
  link.state === "up"
    ? `${paint("green", "up")} for ${formatAge(now, link.since)}`
    : `${paint("red", "down")} for ${formatAge(now, link.since)}, tried ${link.attempts} times, `
      + `next in ${formatAge(link.nextProbeAt, now)}: ${link.why}`

const formatTools = (tools: NonNullable<RelayView["pinnedTools"]>, paint: Paint): string => {
  const held = tools.changed + tools.new === 0
    ? "none is held back"
    : paint("red", `held back: ${tools.changed} changed, ${tools.new} new (holdfast tools diff)`)
  return `pinned, ${tools.approved} approved, ${held}`
}

const formatRelay = (relay: RelayView, now: DateTime.Utc, paint: Paint): ReadonlyArray<string> => {
  const { held = [], outbox, pinnedTools = null, sessions, tokens } = relay
  const oldest = outbox.oldestAt === null ? "" : `, oldest ${formatAge(now, outbox.oldestAt)}`
  const disk = outbox.writable ? "" : paint("red", "; the disk refuses writes")
  return [
    `${paint("bold", relay.id)}  ${relay.url}`,
    `  link      ${formatLink(relay.link, now, paint)}`,
    ...relay.link.state === "down" && relay.link.hint !== undefined ? [`  try       ${relay.link.hint}`] : [],
    ...tokens.map((token) => `  token     ${token.agent}: ${formatToken(token, now)}`),
    `  outbox    ${outbox.pending} pending, ${outbox.inflight} in flight, ${outbox.held} held, `
    + `${outbox.dead} dead, ${outbox.delivered} delivered${oldest}${disk}`,
    ...held.map((view) => `  held      ${formatHeld(relay, view)}`),
    ...pinnedTools === null ? [] : [`  tools     ${formatTools(pinnedTools, paint)}`],
    `  sessions  ${sessions.count}, ${sessions.streams} with a stream open`
  ]
}

const formatFlow = (
  { since, state, why }: UplinkView["watch"] | UplinkView["push"],
  now: DateTime.Utc,
  paint: Paint
) =>
  state === "off" && why === null ?
    "off" :
    `${state === "ready" ? paint("green", state) : paint("red", state)} for ${formatAge(now, since)}${
      why === null ? "" : `: ${why}`
    }`

const formatUplink = (uplink: UplinkView, now: DateTime.Utc, paint: Paint): ReadonlyArray<string> => [
  `${paint("bold", `uplink ${uplink.name}`)}  ${uplink.url}, session ${uplink.session}`,
  `  push      ${formatFlow(uplink.push, now, paint)}; ${uplink.push.behind} behind, ${uplink.push.skipped} left out`,
  `  watch     ${formatFlow(uplink.watch, now, paint)}`,
  ...uplink.credentials.length === 0 ? [] : [`  pushed    ${uplink.credentials.join(", ")}`]
]

const formatSupervisor = ({ lastEnd, pid, restarts }: NonNullable<DaemonView["supervisor"]>): string =>
  `process ${pid}, which holds the port`
  + (restarts === 0
    ? ""
    : `; started the daemon again ${restarts === 1 ? "once" : `${restarts} times`}, last after ${lastEnd}`)

const print = Effect.fnUntraced(function*(status: StatusView) {
  const paint = yield* colors
  const now = DateTime.makeUnsafe(Math.floor(yield* Clock.currentTimeMillis))
  const { daemon } = status
  yield* Console.log(
    `holdfast ${daemon.version} at ${daemon.url}, process ${daemon.pid}, up ${formatAge(now, daemon.startedAt)}`
  )
  if (daemon.supervisor !== null) yield* Console.log(`supervisor  ${formatSupervisor(daemon.supervisor)}`)
  if (daemon.portHeldBy === "systemd") yield* Console.log("supervisor  systemd, which holds the port")
  for (const relay of status.relays) {
    for (const line of formatRelay(relay, now, paint)) yield* Console.log(line)
  }
  for (const credential of status.credentials) {
    const words = formatCredential(credential, now)
    yield* Console.log(`credential ${credential.name}  ${credential.lastError === null ? words : paint("red", words)}`)
  }
  for (const uplink of status.uplinks ?? []) {
    for (const line of formatUplink(uplink, now, paint)) yield* Console.log(line)
  }
  const restarted = status.fibers.filter((fiber) => fiber.restarts > 0)
  yield* Console.log(`fibers  ${status.fibers.length}, ${restarted.length} of them restarted`)
  for (const fiber of restarted) {
    yield* Console.log(
      `  ${fiber.name}: ${fiber.state}, ${fiber.restarts} restarts, last: ${fiber.lastFailure?.cause ?? "unknown"}`
    )
  }
})

export const status = Command.make(
  "status",
  {
    json: jsonFlag,
    open: Flag.Boolean("open").pipe(
      Flag.withDescription("Open the dashboard instead, as \"holdfast open\" does"),
      Flag.withDefault(false)
    ),
    watch: Flag.Boolean("watch").pipe(
      Flag.withDescription("Redraw it, as \"holdfast top\" does"),
      Flag.withDefault(false)
    )
  },
  Effect.fn(function*({ json, open, watch: goesOn }) {
    if (json && goesOn) return yield* new UsageError({ message: "--json prints once and --watch goes on: choose one" })
    if (goesOn) return yield* watch
    if (open) return yield* openDashboard({ browser: true })
    const daemon = yield* DaemonClient
    const status = yield* daemon.ask((client) => client.status())
    yield* json ? printJson(StatusView)(status) : print(status)
  })
).pipe(
  Command.withDescription("Link, token, queue, sessions and fibers of the running daemon"),
  Command.withExamples([{ command: "holdfast status", description: "Show link, token, queue and sessions" }, {
    command: "holdfast status --json",
    description: "Print them as JSON"
  }]),
  withDaemon
)
