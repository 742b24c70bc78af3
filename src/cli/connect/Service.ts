/**
 * The daemon as a service of the user's: a systemd user unit or a launchd agent, where such a manager runs; else a process
 * in the background, whose output goes to `serve.log`. What was made is recorded in the data directory.
 */
import { Effect, FileSystem, Option, Path, Schema } from "effect"
import { createHash } from "node:crypto"
import { isIP, isIPv6 } from "node:net"
import { homedir } from "node:os"
import { basename, join } from "node:path"
import { shellWord } from "../../clients/ClientEntry.ts"
import { dataDirectoryPath } from "../../storage/DataDirectory.ts"
import * as UserFile from "../../storage/UserFile.ts"
import { CommandFailed } from "../Failures.ts"
import { command } from "./command.ts"

export const Service = Schema.Struct({
  kind: Schema.Literals(["systemd", "launchd", "process"]),
  /** The unit's or the agent's name; empty for a process. */
  name: Schema.String,
  /** Its file; empty for a process. */
  file: Schema.String,
  /** The file of the unit that holds its socket. */
  socket: Schema.optionalKey(Schema.String)
})
export type Service = typeof Service.Type

const Text = Schema.fromJsonString(Service)
const record = "service.json"

/** What `connect` made here, if anything. */
export const find = Effect.fnUntraced(function*(dataDir: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.option(fs.readFileString((yield* Path.Path).join(dataDir, record)))
  return Option.flatMap(text, Schema.decodeOption(Text))
})

export const keep = Effect.fnUntraced(function*(dataDir: string, service: Service) {
  yield* UserFile.replace(join(dataDir, record), yield* Effect.orDie(Schema.encodeEffect(Text)(service)))
})

/** Its units, the one that starts the other first. */
export const units = ({ name, socket }: Service): ReadonlyArray<string> =>
  socket === undefined ? [name] : [basename(socket), name]

/** One name for each data directory. */
const suffixOf = Effect.fnUntraced(function*(dataDir: string) {
  const usual = yield* dataDirectoryPath(undefined)
  return dataDir === usual ? "" : `-${createHash("sha256").update(dataDir).digest("hex").slice(0, 8)}`
})

/** systemd knows quotes and backslashes, and expands `%` and `$`. */
const unitWord = (word: string) =>
  `"${word.replaceAll("\\", "\\\\").replaceAll("\"", "\\\"").replaceAll("%", "%%").replaceAll("$", "$$$$")}"`

const unitText = (words: ReadonlyArray<string>, socket: string | undefined) =>
  `[Unit]
Description=Holdfast, the MCP endpoint of this user's coding agents
${socket === undefined ? "" : `Requires=${socket}\nAfter=${socket}\n`}StartLimitIntervalSec=0

[Service]
ExecStart=${words.map(unitWord).join(" ")}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=1
RestartPreventExitStatus=2
UMask=0077

[Install]
WantedBy=default.target
`

interface Listen {
  readonly host: string
  readonly port: number
}

/** systemd knows addresses, not names. A port that the daemon picks itself is not known beforehand. */
const canHold = ({ host, port }: Listen): boolean => isIP(host) !== 0 && port !== 0

const socketText = ({ host, port }: Listen) =>
  `[Unit]
Description=Holdfast's port, which stays bound while the daemon is started again

[Socket]
ListenStream=${isIPv6(host) ? `[${host}]` : host}:${port}
NoDelay=true

[Install]
WantedBy=sockets.target
`

const xml = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const plistText = (label: string, words: ReadonlyArray<string>, log: string) =>
  `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
  <key>Label</key><string>${label}</string>
  <key>ProgramArguments</key><array>
${words.map((word) => `    <string>${xml(word)}</string>`).join("\n")}
  </array>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
  <key>Umask</key><integer>63</integer>
  <key>StandardOutPath</key><string>${xml(log)}</string>
  <key>StandardErrorPath</key><string>${xml(log)}</string>
</dict></plist>
`

/** The manager that runs for this user; `process` where none does. */
export const manager: Effect.Effect<Service["kind"]> = Effect.suspend(() =>
  process.platform === "darwin"
    ? Effect.succeed("launchd" as const)
    : Effect.map(command("systemctl", ["--user", "show-environment"]), ({ ok }) => ok ? "systemd" as const : "process")
)

const run = Effect.fnUntraced(function*(program: string, ...args: ReadonlyArray<string>) {
  const { ok, stderr } = yield* command(program, args)
  if (!ok) {
    return yield* new CommandFailed({ message: `${[program, ...args].map(shellWord).join(" ")}: ${stderr.trim()}` })
  }
})

const domain = () => `gui/${process.getuid?.() ?? 0}`

/** Stops it and removes its files; a process is for `stop` to end. */
export const remove = Effect.fn("Service.remove")(function*(dataDir: string, service: Service) {
  const fs = yield* FileSystem.FileSystem
  const { file, kind, name, socket } = service
  if (kind === "systemd") yield* command("systemctl", ["--user", "disable", "--now", ...units(service)])
  if (kind === "launchd") yield* command("launchctl", ["bootout", `${domain()}/${name}`])
  for (const made of [file, socket ?? ""]) {
    if (made !== "") yield* Effect.ignore(UserFile.remove(made))
  }
  if (kind === "systemd") yield* command("systemctl", ["--user", "daemon-reload"])
  yield* Effect.ignore(fs.remove(join(dataDir, record)))
})

/** Whether it was another one. */
const write = Effect.fnUntraced(function*(file: string, text: string) {
  const fs = yield* FileSystem.FileSystem
  const present = yield* Effect.option(fs.readFileString(file))
  if (Option.contains(present, text)) return false
  yield* UserFile.replace(file, text, { mode: 0o644 })
  return true
})

const startUnits = Effect.fnUntraced(function*(service: Service, words: ReadonlyArray<string>, listen: Listen) {
  const { file, name, socket } = service
  const isNew = socket !== undefined && (yield* write(socket, socketText(listen)))
  yield* write(file, unitText(words, socket === undefined ? undefined : basename(socket)))
  yield* run("systemctl", "--user", "daemon-reload")
  yield* run("systemctl", "--user", "enable", ...units(service))
  if (isNew) {
    // Its port is the daemon's until that one stops.
    yield* command("systemctl", ["--user", "stop", name])
    yield* Effect.mapError(
      run("systemctl", "--user", "restart", basename(socket)),
      ({ message }) =>
        new CommandFailed({
          message: `${message}; where another program has port ${listen.port}, choose another one with --port`
        })
    )
  }
  yield* run("systemctl", "--user", "restart", name)
})

const systemdService = (suffix: string, listen: Listen): Service => {
  const folder = join(process.env["XDG_CONFIG_HOME"] || join(homedir(), ".config"), "systemd", "user")
  const name = `holdfast${suffix}.service`
  const service = { kind: "systemd", name, file: join(folder, name) } as const
  return canHold(listen) ? { ...service, socket: join(folder, `holdfast${suffix}.socket`) } : service
}

/** Installs and starts it; started again where its file changed. */
export const start = Effect.fn("Service.start")(
  function*(kind: "systemd" | "launchd", dataDir: string, words: ReadonlyArray<string>, listen: Listen) {
    const suffix = yield* suffixOf(dataDir)
    const before = yield* find(dataDir)
    if (kind === "systemd") {
      const service = systemdService(suffix, listen)
      if (service.socket === undefined && Option.exists(before, ({ socket }) => socket !== undefined)) {
        yield* remove(dataDir, Option.getOrThrow(before))
      }
      yield* keep(dataDir, service)
      yield* startUnits(service, words, listen)
      return service
    }
    const name = `dev.holdfast${suffix}`
    const file = join(homedir(), "Library", "LaunchAgents", `${name}.plist`)
    const service: Service = { kind, name, file }
    yield* keep(dataDir, service)
    yield* write(file, plistText(name, words, join(dataDir, "serve.log")))
    yield* command("launchctl", ["bootout", `${domain()}/${name}`])
    yield* run("launchctl", "bootstrap", domain(), file)
    return service
  }
)
