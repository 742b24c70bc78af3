/** What a real daemon records of an outage, a queue, a context, a run, a menu, and of a relay that speaks to nobody. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { linkFlap } from "../../../src/journal/Compaction.ts"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { send } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

interface Event {
  readonly seq: number
  readonly subject: string
  readonly type: string
  readonly payload: Readonly<Record<string, unknown>>
}

const recorded = (daemon: Daemon) =>
  Effect.map(
    daemon.command("events", "--json"),
    ({ stdout }) => stdout.split("\n").filter((line) => line !== "").map((line): Event => JSON.parse(line))
  )

const has = (daemon: Daemon, ...types: ReadonlyArray<string>) =>
  eventually(
    types.join(),
    recorded(daemon),
    (events) => types.every((type) => events.some((event) => event.type === type))
  )

describe("the journal of a day", () => {
  it.live(
    "has its outage, what waited in it, contexts, runs and menus, and what the relay said to nobody",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        yield* Effect.gen(function*() {
          const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
          yield* client.tools
          yield* daemon.admin("/api/context", { agent: "default", event: "Attach", path: "/tmp", branch: "work" })
          yield* has(daemon, "menu.changed", "context.moved")
          yield* relay.kill
          yield* send(client, "one")
          yield* has(daemon, "link.down", "call.queued")
          // A shorter outage leaves one record.
          yield* Effect.sleep(linkFlap + 100)
          yield* relay.restart()
          yield* has(daemon, "call.delivered")
        }).pipe(Effect.scoped)
        const { body } = yield* daemon.admin("/api/leases", {
          prefix: "run",
          holder: process.pid,
          obeysListChanged: true
        })
        const lease = Object.entries(body ?? {}).find(([name]) => name === "lease")?.[1]
        const admin = readFileSync(join(daemon.dataDir, "admin-secret"), "utf8").trim()
        yield* Effect.promise(() =>
          fetch(new URL(`/api/leases/${lease}`, daemon.url), {
            method: "DELETE",
            headers: { authorization: `Bearer ${admin}` }
          })
        )
        // The agent's stream is closed, the relay's is read on.
        yield* eventually(
          "what the relay says to nobody",
          Effect.andThen(
            relay.control.notify("notifications/message", { level: "info", data: "nobody-hears" }),
            recorded(daemon)
          ),
          (events) => events.some(({ type }) => type === "relay.notified")
        )
        const events = yield* has(daemon, "run.started", "run.finished")
        const of = (type: string) => events.find((event) => event.type === type)
        assert.deepInclude(of("context.moved"), { subject: "agent/default" })
        assert.deepInclude(of("context.moved")?.payload, { from: "Shared", event: "Attach", to: "Active", epoch: 1 })
        const menu = of("menu.changed")?.payload
        assert.isTrue(
          Array.isArray(menu?.["added"]) && menu["added"].some((name) => String(name).startsWith("relay_workspace_"))
        )
        assert.deepInclude(of("link.down"), { subject: "relay/default" })
        const up = events.findLast(({ type }) => type === "link.up")?.payload
        assert.strictEqual(up?.["downSince"], events.findLast(({ type }) => type === "link.down")?.payload["since"])
        const queued = of("call.queued")?.payload
        const delivered = of("call.delivered")?.payload
        for (const name of ["entry", "tool", "key", "lane", "occurredAt"]) {
          assert.isDefined(queued?.[name], name)
          assert.strictEqual(delivered?.[name], queued?.[name], name)
        }
        assert.isNumber(delivered?.["sentAt"])
        assert.isNumber(delivered?.["relayMillis"])
        const answered = events.find(({ payload, type }) => type === "call.answered" && payload["outcome"] === "queued")
        assert.deepInclude(answered?.payload, {
          key: queued?.["key"],
          lane: queued?.["lane"],
          entry: queued?.["entry"]
        })
        assert.deepInclude(of("relay.notified")?.payload, { method: "notifications/message" })
        assert.notInclude(JSON.stringify(events), "nobody-hears")
        assert.isTrue(events.some(({ type }) => type === "session.opened"))
      }),
    180_000
  )
})
