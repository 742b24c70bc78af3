/** What a relay or something before it may answer to a queued call: none of it stops the queue or takes the link down. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { get } from "node:http"
import { Daemon } from "../../support/Daemon.ts"
import * as Disk from "../../support/Disk.ts"
import { timed } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { isQueued, probeClient } from "../../support/ProbeClient.ts"
import * as Answer from "../../support/relay/Answer.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { Rig } from "../../support/Rig.ts"

const quick = {
  HOLDFAST_OUTBOX_LANE: "to",
  HOLDFAST_OUTBOX_RETRY_BASE: "20 millis",
  HOLDFAST_OUTBOX_RETRY_CAP: "50 millis"
}

let calls = 0

const outages = (daemon: Daemon) =>
  Effect.callback<number>((resume) => {
    get({ host: "127.0.0.1", port: daemon.port, path: "/metrics", agent: false }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => text += chunk)
        .on("end", () => resume(Effect.succeed(Number(/link_outages\S* (\d+)/.exec(text)?.[1] ?? 0))))
    })
  })

/** A busy machine may have begun with one. */
const outagesBefore = new WeakMap<Daemon, number>()

/** A reply that is queued by one failure of its own, and then answered so, so often; its lane has nothing else in it. */
const poisoned = Effect.fnUntraced(function*(relay: TestRelay, daemon: Daemon, answer: Answer.Answer, times: number) {
  const client = yield* probeClient(daemon, relay)
  if (!outagesBefore.has(daemon)) outagesBefore.set(daemon, yield* outages(daemon))
  const text = `poison ${++calls}`
  yield* relay.control.answerNext(1, Answer.reset, { tool: "relay_reply" })
  yield* relay.control.answerNext(times, answer, { tool: "relay_reply" })
  yield* relay.forgetRequests
  assert.isTrue(isQueued(yield* client.call("relay_reply", { messageId: "m1", text })))
  const row = Effect.sync(() => Disk.rows(daemon.dataDir).find((row) => row.text === text))
  return {
    client,
    becomes: (state: string) => eventually(`a reply that is ${state}`, row, (found) => found?.state === state),
    /** When the relay was asked, in order. */
    attempts: Effect.map(
      relay.requests,
      (all) => all.filter(({ body, tool }) => tool === "relay_reply" && body.includes(text)).map(({ at }) => at)
    ),
    writes: Effect.map(relay.ledger, (all) => all.filter((entry) => entry.arguments["text"] === text).length)
  }
})

/** Meanwhile another lane is served live, and the link stays Up. */
const othersGoOn = Effect.fnUntraced(function*(client: Effect.Success<ReturnType<typeof probeClient>>, daemon: Daemon) {
  const { millis, value } = yield* timed(client.send(`other ${++calls}`))
  assert.include(value, "\"structuredContent\":{\"id\"")
  assert.isBelow(millis, 3_000)
  assert.strictEqual(yield* outages(daemon), outagesBefore.get(daemon))
})

const passing: ReadonlyArray<readonly [string, Answer.Answer]> = [
  ["the 404 page of a deploy", Answer.deployPage],
  ["the 403 page of a firewall", Answer.wafPage],
  ["the 200 page of a portal", Answer.portalPage],
  ["409, in progress", Answer.inProgress],
  ["500 with a JSON-RPC error", Answer.internalError],
  ["502", Answer.badGateway],
  ["503", Answer.unavailable],
  ["half an answer", Answer.half("clean")],
  ["garbage", Answer.garbage]
]

layer(Rig.layer({ daemon: { env: quick } }), { excludeTestServices: true, timeout: "60 seconds" })(
  "a queued call",
  (it) => {
    for (const [what, answer] of passing) {
      it.effect(`that is answered with ${what} five times is delivered, once, when that is over`, () =>
        Effect.gen(function*() {
          const { daemon, relay } = yield* Rig
          const { attempts, becomes, client, writes } = yield* poisoned(relay, daemon, answer, 5)
          yield* othersGoOn(client, daemon)
          yield* becomes("delivered")
          assert.strictEqual(yield* writes, 1)
          assert.lengthOf(yield* attempts, 7)
          yield* othersGoOn(client, daemon)
        }))
    }

    it.effect("that is answered with 429 waits for as long as it is told, however often, and is delivered", () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        const { attempts, becomes, client, writes } = yield* poisoned(relay, daemon, Answer.tooManyRequests(1), 3)
        yield* othersGoOn(client, daemon)
        yield* becomes("delivered")
        const times = (yield* attempts).slice(1)
        for (const [index, at] of times.slice(1).entries()) assert.isAtLeast(at - (times[index] ?? 0), 950)
        assert.strictEqual(yield* writes, 1)
      }))

    it.effect("that is forbidden holds its lane, visibly, until an operator asks for it again", () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        const { becomes, client, writes } = yield* poisoned(relay, daemon, Answer.forbidden, 1)
        yield* becomes("held")
        yield* othersGoOn(client, daemon)
        assert.include((yield* daemon.command("outbox", "list", "--state", "held")).stdout, "held by the relay")
        yield* daemon.command("outbox", "retry", "--all")
        yield* becomes("delivered")
        assert.strictEqual(yield* writes, 1)
      }))

    it.effect("that is poisoned ends as a dead letter with the reason, and what is behind it is delivered", () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        const { attempts, becomes, client } = yield* poisoned(relay, daemon, Answer.portalPage, 1_000)
        yield* othersGoOn(client, daemon)
        const letter = yield* becomes("dead")
        assert.match(letter?.reason ?? "", /^given up after 10 retries: .*text\/html/)
        assert.isAtMost((yield* attempts).length, 12)
        yield* relay.control.answerAsUsual
        assert.include(yield* client.call("relay_reply", { messageId: "m1", text: "behind" }), "\"result\"")
        assert.strictEqual(yield* outages(daemon), outagesBefore.get(daemon))
      }))
  }
)

describe("a poisoned call, with what is set without being asked", () => {
  it.live("is tried a few times a minute, not in a hot loop", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const daemon = yield* Daemon.start({ relayUrl: relay.url, env: { HOLDFAST_OUTBOX_LANE: "to" } })
      const { attempts, client } = yield* poisoned(relay, daemon, Answer.deployPage, 1_000)
      // The first one at once, the next ones after 1, 2 and 4 s.
      yield* eventually("the fourth attempt", attempts, (times) => times.length >= 4, "20 seconds")
      yield* othersGoOn(client, daemon)
      const times = yield* attempts
      assert.isAtLeast((times[3] ?? 0) - (times[0] ?? 0), 6_500)
      assert.isAtMost(yield* relay.busiestMinute("relay_reply"), 6)
    }))
})
