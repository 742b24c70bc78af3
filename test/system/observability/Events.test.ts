/** The journal of a real daemon: what it records, over HTTP and on the command line. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { EventRecord } from "../../../src/journal/Outages.ts"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { Rig } from "../../support/Rig.ts"
import { sseLines } from "../../support/sseLines.ts"

const get = (daemon: Daemon, path: string, headers: Readonly<Record<string, string>> = {}) =>
  Effect.promise(async () => {
    const { readFileSync } = await import("node:fs")
    const secret = readFileSync(`${daemon.dataDir}/admin-secret`, "utf8").trim()
    const response = await fetch(new URL(path, daemon.url), {
      headers: { authorization: `Bearer ${secret}`, ...headers }
    })
    return { status: response.status, type: response.headers.get("content-type"), text: await response.text() }
  })

const page = (daemon: Daemon, after = 0) =>
  Effect.map(
    get(daemon, `/api/events?after=${after}`, { accept: "application/json" }),
    ({ text }): { records: ReadonlyArray<EventRecord>; next: number; newest: number } => JSON.parse(text)
  )

layer(Rig.layer(), { excludeTestServices: true })("events", (it) => {
  it.effect("a call is recorded as it starts and as it is answered, with its way in time and without its arguments", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const { newest } = yield* page(daemon)
      const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
      yield* client.call("silent", { millis: 400, text: "nobody-else-reads-this" })
      const records = yield* eventually(
        "the answer",
        Effect.map(page(daemon, newest), ({ records }) => records),
        (records) => records.some(({ type }) => type === "call.answered")
      )
      const started = records.find(({ type }) => type === "call.started")
      const answered = records.find(({ type }) => type === "call.answered")
      assert.deepInclude(started, { subject: "agent/default" })
      assert.deepInclude(started?.payload, { relay: "default", tool: "silent" })
      assert.deepInclude(answered?.payload, { call: started?.payload["call"], tool: "silent", outcome: "answered" })
      const { millis, relayAfter, sentAfter } = answered?.payload ?? {}
      for (const number of [sentAfter, relayAfter, millis]) assert.isNumber(number)
      assert.isAtMost(Number(sentAfter), Number(relayAfter))
      assert.isAtMost(Number(relayAfter), Number(millis))
      assert.isAbove(records.findIndex(({ type }) => type === "session.opened"), -1)
      assert.notInclude(JSON.stringify(records), "nobody-else-reads-this")
    }))

  it.effect("as server-sent events each has its number as id, its type as event, and Last-Event-ID goes before after", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const { records } = yield* page(daemon)
      const stream = yield* get(daemon, "/api/events?after=0&follow=false")
      assert.strictEqual(stream.type, "text/event-stream")
      const events = sseLines(stream.text).filter(({ id }) => id !== undefined)
      assert.deepStrictEqual(
        events.slice(0, records.length).map(({ data = "", event, id }) => [Number(id), event, JSON.parse(data)]),
        records.map((record) => [record.seq, record.type, record])
      )
      const last = records.at(-1)?.seq ?? 0
      const rest = yield* get(daemon, "/api/events?after=0&follow=false", { "last-event-id": String(last) })
      assert.isTrue(sseLines(rest.text).every(({ id }) => id === undefined || Number(id) > last))
    }))

  it.effect("a cursor that is ahead is 409 with the newest number, a bad query 400, and nobody without the secret reads", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const { newest } = yield* page(daemon)
      const ahead = yield* get(daemon, `/api/events?after=${newest + 1_000_000}`)
      assert.strictEqual(ahead.status, 409)
      assert.match(ahead.text, /newest record is \d+/)
      assert.strictEqual((yield* get(daemon, "/api/events?after=x")).status, 400)
      assert.strictEqual((yield* get(daemon, "/api/events?type=nothing")).status, 400)
      assert.strictEqual((yield* get(daemon, "/api/events", { authorization: "Bearer wrong" })).status, 401)
      const { status } = yield* daemon.admin("/api/events", {}, "POST")
      assert.strictEqual(status, 405)
    }))

  it.effect("holdfast events prints a line for each, and with --json an object", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const { records } = yield* page(daemon)
      const lines = yield* daemon.command("events", "--agent", "default", "--type", "call.answered")
      assert.strictEqual(lines.code, 0, lines.stderr)
      assert.match(
        lines.stdout,
        /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} {2}call\.answered {3} agent\/default {2}.*tool=silent/m
      )
      const json = yield* daemon.command("events", "--json")
      const printed = json.stdout.trim().split("\n").map((line): EventRecord => JSON.parse(line))
      assert.deepStrictEqual(printed.slice(0, records.length), records)
    }))
})
