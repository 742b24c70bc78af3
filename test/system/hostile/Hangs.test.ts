import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { ServerResponse } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { holdfast } from "../../support/InProcess.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { hostileRelay, resultOf } from "./HostileRelay.ts"

/** Waits in the time of sockets, while the test's own stands still. */
const reallyUntil = (done: () => boolean) =>
  Effect.promise(async () => {
    for (let waited = 0; !done() && waited < 5000; waited += 5) await sleep(5)
    // Who was answered may have to read it yet.
    await sleep(20)
    assert.isTrue(done())
  })

interface Head {
  readonly begin: (response: ServerResponse) => void
  readonly end: (response: ServerResponse, text: string) => void
}

const json = { "content-type": "application/json" }
const heads: Readonly<Record<string, Head>> = {
  "with no header sent": { begin: () => {}, end: (response, text) => response.writeHead(200, json).end(text) },
  "with the headers of JSON sent": {
    begin: (response) => response.writeHead(200, json).flushHeaders(),
    end: (response, text) => response.end(text)
  },
  "with the headers of a stream sent": {
    begin: (response) => response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders(),
    end: (response, text) => response.end(`data: ${text}\n\n`)
  }
}

describe("a tool that is silent for five minutes", () => {
  for (const [how, { begin, end }] of Object.entries(heads)) {
    for (const tool of ["evil", "evil_read"]) {
      it.effect(`${how}, ${tool}, succeeds at a relay that is well, which is asked every 10 s whether it is`, () =>
        Effect.gen(function*() {
          let answer: (() => void) | undefined
          const relay = yield* hostileRelay({
            evil: ({ id }, response) => {
              begin(response)
              answer = () => end(response, resultOf(id, "at last"))
            }
          })
          const daemon = yield* holdfast(relay.url)
          const agent = yield* rawAgent(daemon)
          yield* agent.request("tools/list")
          const call = yield* Effect.forkChild(agent.call(tool), { startImmediately: true })
          yield* reallyUntil(() => answer !== undefined)
          const pings = () => relay.received.filter(({ rpc }) => rpc === "ping").length
          for (let tens = 0; tens < 30; tens++) {
            const before = pings()
            yield* TestClock.adjust("10 seconds")
            yield* reallyUntil(() => pings() > before)
          }
          assert.strictEqual(pings(), 30)
          answer?.()
          const { headers, messages } = yield* Fiber.join(call)
          assert.strictEqual(headers["content-type"], "text/event-stream")
          assert.deepStrictEqual(messages.map(({ result }) => result?.["is"]), ["at last"])
          assert.isTrue(yield* daemon.steady)
        }))
    }
  }
})
