/**
 * The daemon as a service of the user's: a systemd user unit or a launchd agent, where such a manager runs; else a process
 * in the background, whose output goes to `serve.log`. What was made is recorded in the data directory.
 */
import { Effect, FileSystem, Option, Path, Schema } from "effect"
import { createHash } from "node:crypto"
import { homedir } from "node:os"
import { join } from "node:path"
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
  file: Schema.String
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

/** One name for each data directory. */
const suffixOf = Effect.fnUntraced(function*(dataDir: string) {
  const usual = yield* dataDirectoryPath(undefined)
  return dataDir === usual ? "" : `-${createHash("sha256").update(dataDir).digest("hex").slice(0, 8)}`
})

/** systemd knows quotes and backslashes, and expands `%` and `$`. */
const unitWord = (word: string) =>
  `"${word.replaceAll("\\", "\\\\").replaceAll("\"", "\\\"").replaceAll("%", "%%").replaceAll("$", "$$$$")}"`

const unitText = (words: ReadonlyArray<string>) =>
  `[Unit]
Description=Holdfast, the MCP endpoint of this user's coding agents

[Service]
ExecStart=${words.map(unitWord).join(" ")}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=2
UMask=0077

[Install]
WantedBy=default.target
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

/** Installs and starts it; started again where its file changed. */
export const start = Effect.fn("Service.start")(
  function*(kind: "systemd" | "launchd", dataDir: string, words: ReadonlyArray<string>) {
    const fs = yield* FileSystem.FileSystem
    const suffix = yield* suffixOf(dataDir)
    const name = kind === "systemd" ? `holdfast${suffix}.service` : `dev.holdfast${suffix}`
    const file = kind === "systemd"
      ? join(process.env["XDG_CONFIG_HOME"] || join(homedir(), ".config"), "systemd", "user", name)
      : join(homedir(), "Library", "LaunchAgents", `${name}.plist`)
    const text = kind === "systemd" ? unitText(words) : plistText(name, words, join(dataDir, "serve.log"))
    const present = yield* Effect.option(fs.readFileString(file))
    const service: Service = { kind, name, file }
    yield* keep(dataDir, service)
    if (!Option.contains(present, text)) yield* UserFile.replace(file, text, { mode: 0o644 })
    if (kind === "systemd") {
      yield* run("systemctl", "--user", "daemon-reload")
      yield* run("systemctl", "--user", "enable", name)
      yield* run("systemctl", "--user", "restart", name)
    } else {
      yield* command("launchctl", ["bootout", `${domain()}/${name}`])
      yield* run("launchctl", "bootstrap", domain(), file)
    }
    return service
  }
)

/** Stops it and removes its file; a process is for `stop` to end. */
export const remove = Effect.fn("Service.remove")(function*(dataDir: string, { file, kind, name }: Service) {
  const fs = yield* FileSystem.FileSystem
  if (kind === "systemd") yield* command("systemctl", ["--user", "disable", "--now", name])
  if (kind === "launchd") yield* command("launchctl", ["bootout", `${domain()}/${name}`])
  if (file !== "") yield* Effect.ignore(UserFile.remove(file))
  if (kind === "systemd") yield* command("systemctl", ["--user", "daemon-reload"])
  yield* Effect.ignore(fs.remove(join(dataDir, record)))
})
