/** A daemon that the machine gives no further file descriptor. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { readdirSync } from "node:fs"
import { Agent } from "node:http"
import { connect } from "node:net"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { nextId, rawAgent } from "../../support/RawAgent.ts"
import { json } from "../../support/relay/ScriptedRelay.ts"
import { hostileRelay } from "./HostileRelay.ts"

const open = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length

/** Leaves it one more. The limit is on a descriptor's number, and each new one gets the lowest that is free. */
const leaveOne = (pid: number): void => {
  const taken = new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
  let [number, free] = [0, 0]
  while (free < 2) if (!taken.has(number++)) free++
  execFileSync("prlimit", ["--pid", String(pid), `--nofile=${number - 1}:4096`])
}

/** Connections that say nothing, until the scope ends. */
const crowd = (port: number, count: number) =>
  Effect.acquireRelease(
    Effect.sync(() => Array.from({ length: count }, () => connect(port, "127.0.0.1").on("error", () => {}))),
    (sockets) => Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
  )

const callers = 24

describe.skipIf(process.platform !== "linux")("a daemon without a file descriptor left", () => {
  it.live.each([64, 256])(
    "says so, takes it for no relay that is away, and goes on once it has some: at %s",
    (most) =>
      Effect.gen(function*() {
        const relay = yield* hostileRelay({
          // The calls find no connection to the relay that the pings left open.
          special: ({ rpc }, response) => {
            if (rpc === "ping") response.setHeader("connection", "close")
            return false
          },
          // So long that calls at once need a connection each.
          evil: ({ id }, response) => {
            setTimeout(() => json(response, 200, { jsonrpc: "2.0", id: JSON.parse(id), result: { content: [] } }), 300)
          }
        })
        const daemon = yield* Daemon.start({ relayUrl: relay.url.href })
        const agent = yield* rawAgent(daemon)
        yield* agent.request("tools/list")
        const kept = yield* Effect.acquireRelease(
          Effect.sync(() => new Agent({ keepAlive: true, maxSockets: callers })),
          (kept) => Effect.sync(() => kept.destroy())
        )
        const all = (method: string, params: object) =>
          Effect.all(
            Array.from({ length: callers }, () => agent.post({ id: nextId(), method, params }, { agent: kept })),
            { concurrency: "unbounded" }
          )
        yield* all("ping", {})
        const pid = yield* daemon.pid
        const calls = all("tools/call", { name: "evil", arguments: {} })

        const before = open(pid)
        yield* Effect.scoped(Effect.gen(function*() {
          // Once they have left, there is room for a connection to the relay for each call.
          const many = Math.max(callers + 8, most - before)
          yield* crowd(daemon.port, many)
          yield* eventually("the crowd", Effect.sync(() => open(pid)), (now) => now >= before + many)
          leaveOne(pid)
          const answers = yield* calls
          const failed = answers.filter(({ answer }) => answer.result === undefined)
          assert.isAbove(failed.length, 0)
          for (const { answer, text } of failed) {
            assert.strictEqual(answer.error?.data?.["delivery"], "not sent", text)
            assert.match(answer.error?.message ?? "", /too many open files/)
          }
        }))

        yield* eventually("room", Effect.sync(() => open(pid)), (now) => now < before + 4)
        assert.isTrue((yield* calls).every(({ answer }) => answer.result !== undefined))
        assert.isDefined((yield* agent.call("evil")).answer.result)
        assert.notInclude(yield* daemon.stderr, "cannot be reached")
        const { stdout } = yield* daemon.command("status", "--json")
        assert.match(stdout, /"Up"/i)
      })
  )
})
