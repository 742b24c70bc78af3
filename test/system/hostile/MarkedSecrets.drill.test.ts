/**
 * Every secret of the settings' schema, and each that Holdfast gets otherwise, as a marked text in a real daemon's life:
 * it is seen at its destination and nowhere else.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { SettingsSchema } from "../../../src/config/Settings.ts"
import { scratch } from "../../support/agents/scratch.ts"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { finder } from "../../support/Marker.ts"
import { run } from "../../support/Program.ts"
import { initialize, nextId, rawExchange } from "../../support/RawAgent.ts"
import { http } from "../../support/relay/Answer.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { matches, secretPaths } from "../../support/secretSettings.ts"
import {
  agents,
  beside,
  configuration,
  loginFile,
  type Marked,
  markedBeside,
  markedIn,
  markedServers,
  Seen
} from "./MarkedSettings.ts"

const relays = ["default", "docs", "beside", "failing", "login", "environment"]

const setup = Effect.gen(function*() {
  const seen = new Seen()
  const home = yield* scratch
  const relay = yield* TestRelay.start()
  const servers = yield* markedServers(() => relay.port, seen)
  const files = { token: home.write(beside.file, "token"), template: home.write(beside.templateFile, "template") }
  const lives = {
    oauth: configuration(servers.origin, "oauth", files),
    key: configuration(servers.origin, "key", files)
  }
  const own = home.file(".config", "holdfast", "holdfast.json")
  const configure = (life: object) => home.write(JSON.stringify(life), ".config", "holdfast", "holdfast.json")
  configure(lives.oauth)

  const dataDir = home.file("data")
  mkdirSync(dataDir, { mode: 0o700 })
  writeFileSync(join(dataDir, "login-login.json"), loginFile(servers.origin), { mode: 0o600 })
  const env = {
    ...home.environment,
    HOLDFAST_RELAY_TOKEN: beside.environment,
    MARKED_VARIABLE: beside.variable,
    MARKED_QUERY: beside.query,
    OTEL_EXPORTER_OTLP_ENDPOINT: `${servers.origin}/traces/all`,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json"
  }
  const daemon = yield* Daemon.start({ env, dataDir, args: ["--config", own] })

  const command = (...args: ReadonlyArray<string>) =>
    Effect.map(run([...args, "--data-dir", dataDir], env), ({ stderr, stdout }) => {
      seen.add(`command ${args.join(" ")}`, stdout + stderr)
      return stdout
    })
  return { seen, home, relay, servers, lives, configure, daemon, command, env }
})

type World = Effect.Success<typeof setup>

/** What one agent does at one relay; what it gets is seen. */
const work = Effect.fnUntraced(function*({ daemon, seen }: World, name: string, secret: string, relay: string) {
  const place = `agent ${name}`
  const exchange = (body: object, session?: string) =>
    rawExchange({ ...daemon, secret }, {
      path: relay === "default" ? "/mcp" : `/mcp/${relay}`,
      body: JSON.stringify({ jsonrpc: "2.0", ...body }),
      headers: session === undefined ? {} : { "mcp-session-id": session }
    }).pipe(Effect.tap(({ headers, text }) => Effect.sync(() => seen.add(place, JSON.stringify(headers) + text))))
  const hello = yield* exchange(initialize())
  const session = String(hello.headers["mcp-session-id"])
  const call = (tool: string, args: object) =>
    exchange({ id: nextId(), method: "tools/call", params: { name: tool, arguments: args } }, session)
  yield* exchange({ method: "notifications/initialized" }, session)
  yield* exchange({ id: nextId(), method: "tools/list" }, session)
  yield* call("whoami", {})
  yield* call("fail", { text: "no" })
  return { send: (text: string) => call("relay_send_message", { to: "b", text }) }
})

/** Everything that a command, the admin API or a page shows. */
const look = Effect.fnUntraced(function*({ command, daemon, seen }: World, deep: boolean) {
  const commands = [
    ["status", "--json"],
    ["doctor"],
    ["events", "--json"],
    ...deep
      ? [
        ["status"],
        ["token", "show"],
        ["token", "show", "--json"],
        ["tools", "--json"],
        ["outbox", "list"],
        ["outbox", "export"],
        ["context", "show", "--json"],
        ["logs"],
        ["config", "check"],
        ["config", "claude"]
      ]
      : []
  ]
  for (const args of commands) yield* command(...args)
  const paths = ["status", "outbox", "outbox/export", "tools", "token", "agents", "credentials", "log-level"]
  for (const path of paths) {
    seen.add(`admin ${path}`, JSON.stringify(yield* daemon.admin(`/api/${path}`)))
  }
  const admin = readFileSync(join(daemon.dataDir, "admin-secret"), "utf8").trim()
  const journal = yield* Effect.promise(async () =>
    (await fetch(new URL("/api/events?follow=false", daemon.url), { headers: { authorization: `Bearer ${admin}` } }))
      .text()
  )
  assert.include(journal, "event: call.answered")
  seen.add("admin events", journal)
  for (const path of ["/metrics", "/healthz", "/readyz", "/", "/mcp/nobody", "/api/status"]) {
    const answer = yield* Effect.promise(() => fetch(new URL(path, daemon.url)))
    const text = yield* Effect.promise(() => answer.text())
    seen.add(`page ${path}`, JSON.stringify([...answer.headers]) + text)
  }
})

const credential = Effect.fnUntraced(function*({ daemon, seen }: World, kind: string) {
  for (const host of [`${kind}.test`, `sub.${kind}.test`, `${kind}.test.evil`]) {
    const answer = yield* daemon.admin("/api/credentials/get", { protocol: "https", host })
    seen.add(host === `${kind}.test` ? `credential ${kind}` : `credential of another host`, JSON.stringify(answer))
  }
})

const filesBelow = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true }).map((name) => join(directory, String(name)))
    .filter((file) => statSync(file).isFile())

const ownFiles = (world: World, agentSecrets: Readonly<Record<string, string>>): ReadonlyArray<Marked> => {
  const admin = readFileSync(join(world.daemon.dataDir, "admin-secret"), "utf8").trim()
  return [
    { marker: admin, name: "the admin secret", destination: "file admin-secret" },
    { marker: world.daemon.secret, name: "the default agent's secret", destination: "file agent-secret" },
    ...Object.entries(agentSecrets).map(([name, marker]) => ({
      marker,
      name: `${name}'s secret`,
      destination: `command agents add ${name}`
    }))
  ]
}

/** Places beside its destination that may hold it too, each with its reason. */
const alsoAt = ({ name }: Marked): ReadonlyArray<string> => {
  // A login is kept, or a restart would end it.
  if (name.includes("login")) return ["file login-login.json"]
  // `exec` hands it to the command that it runs.
  if (name === "the default agent's secret") return ["exec"]
  if (name === "credentials.value.token.value") return ["exec"]
  if (name === "{env:MARKED_QUERY}") return ["mint failing"]
  return []
}

describe("a secret", () => {
  it.live("of any setting, and each that comes another way, is seen at its one destination and nowhere else", () =>
    Effect.gen(function*() {
      const world = yield* setup
      const { command, configure, daemon, home, lives, relay, seen, servers } = world

      const inSettings = [...markedIn(lives.oauth), ...markedIn(lives.key)]
      for (const pattern of secretPaths(SettingsSchema.ast)) {
        assert.isTrue(inSettings.some(({ path }) => matches(path, pattern)), `${pattern} has no marked secret here`)
      }

      const secrets: Record<string, string> = {}
      for (const agent of agents) secrets[agent] = (yield* command("agents", "add", agent)).trim()
      const everybody = Object.entries({ default: daemon.secret, ...secrets })

      for (const name of relays) servers.refuseOnce.add(`relay ${name}`)
      yield* Effect.forEach(
        everybody.flatMap(([name, secret]) => relays.map((at) => ({ name, secret, at }))),
        ({ at, name, secret }) => work(world, name, secret, at),
        { concurrency: 8 }
      )
      for (const kind of Object.keys(lives.oauth.credentials ?? {})) yield* credential(world, kind)
      seen.add("exec", (yield* run(["exec", "--data-dir", daemon.dataDir, "--", "env"], world.env)).stdout)

      // An outage, a queue, a dead letter.
      const ada = yield* work(world, "ada", secrets["ada"] ?? "", "default")
      const bert = yield* work(world, "bert", secrets["bert"] ?? "", "docs")
      yield* relay.kill
      for (const text of ["one", "two"]) yield* Effect.all([ada.send(text), bert.send(text)])
      yield* look(world, true)
      yield* relay.restart()
      yield* relay.control.answerNext(
        2,
        http(200, `{"jsonrpc":"2.0","id":$ID,"error":{"code":-32602,"message":"no such name"}}`),
        { tool: "relay_send_message" }
      )
      yield* eventually(
        "dead letters, and nothing queued",
        daemon.admin("/api/outbox"),
        ({ body }) => {
          const text = JSON.stringify(body)
          return text.includes(`"dead"`) && !/"(queued|sending)"/.test(text)
        }
      )

      // A file of settings that is wrong beside its secrets, then the other life.
      configure({
        ...lives.oauth,
        token: { ...lives.oauth.token, file: 1, agents: { ada: { value: [beside.command] } } }
      })
      yield* command("reload")
      yield* command("config", "check")
      writeFileSync(home.file(".config", "holdfast", "holdfast.json"), JSON.stringify(lives.oauth).slice(0, -9))
      yield* command("config", "check")
      configure(lives.key)
      yield* command("reload")
      seen.add("daemon", (yield* daemon.stdout) + (yield* daemon.stderr))
      yield* daemon.terminate
      seen.add("daemon", (yield* daemon.stdout) + (yield* daemon.stderr))
      yield* daemon.restart()
      yield* Effect.forEach(
        everybody.flatMap(([name, secret]) => ["default", "docs", "failing"].map((at) => ({ name, secret, at }))),
        ({ at, name, secret }) => work(world, name, secret, at),
        { concurrency: 8 }
      )
      yield* look(world, false)
      yield* daemon.terminate
      seen.add("daemon", (yield* daemon.stdout) + (yield* daemon.stderr))
      for (const file of filesBelow(daemon.dataDir)) {
        seen.add(`file ${relative(daemon.dataDir, file)}`, readFileSync(file, "latin1"))
      }

      const all = [...inSettings, ...markedBeside, ...ownFiles(world, secrets)]
      const find = finder(all.map(({ marker }) => marker))
      const places = new Map<string, Set<string>>()
      for (const { place, text } of seen.entries) {
        for (const marker of find(text)) places.set(marker, (places.get(marker) ?? new Set()).add(place))
      }
      const wrong = all.flatMap((marked) => {
        const found = [...places.get(marked.marker) ?? []].filter((place) => !alsoAt(marked).includes(place))
        const isRight = marked.destination === undefined
          ? found.length === 0
          : found.length === 1 && found[0] === marked.destination
        return isRight
          ? []
          : [`${marked.name} belongs to ${marked.destination ?? "nobody"}, seen at: ${found.join(", ")}`]
      })
      assert.deepStrictEqual(wrong, [])
    }))
})
