/** The searches, for the short test and the long one. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Dice } from "../../support/Dice.ts"
import { eventually } from "../../support/eventually.ts"
import { holdfast } from "../../support/InProcess.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { agentBytes, checkAnswers, exchangeBytes, Malformed, relayBytes, strictRelay } from "./HttpEnvelopes.ts"

const atOnce = 128

/** A request that is not whole gets no answer: silent for so long, and for the time of another's call. */
const idleMillis = 50

const batches = (count: number) => Array.from({ length: Math.ceil(count / atOnce) }, (_, index) => index * atOnce)

const isWell = (agent: Effect.Success<ReturnType<typeof rawAgent>>) =>
  Effect.map(agent.request("tools/list"), ({ answer }) => assert.isDefined(answer.result))

const explain = (input: string, error: unknown): never => {
  throw error instanceof Malformed ? new Error(`${error.message}\nafter ${JSON.stringify(input)}`) : error
}

/** Those who ask at one time wait for one call. */
const shared = (call: () => Promise<unknown>) => {
  let next: Promise<unknown> | undefined
  return () =>
    next ??= new Promise(setImmediate).then(() => {
      next = undefined
      return call()
    })
}

export const fromAgents = Effect.fnUntraced(function*(era: "legacy" | "modern", seed: string, count: number) {
  const relay = yield* strictRelay(era)
  const daemon = yield* holdfast(relay.url)
  const agent = yield* rawAgent(daemon)
  let answered = 0
  /** The session of the inputs may be ended, and its calls cancelled, by an input. */
  const beside = yield* rawAgent(daemon)
  const hasAnswered = shared(() => Effect.runPromise(beside.call("evil")))
  for (const from of batches(count)) {
    yield* Effect.promise(() =>
      Promise.all(Array.from({ length: atOnce }, async (_, index) => {
        const input = agentBytes(new Dice(`${seed} ${from + index}`), daemon.secret, agent.session, era)
        const text = await exchangeBytes(daemon.port, input, idleMillis, hasAnswered)
        try {
          answered += checkAnswers(text).filter(({ first }) => first.startsWith("HTTP/1.1 200")).length
        } catch (error) {
          explain(input, error)
        }
      }))
    )
    assert.deepStrictEqual(relay.faults, [], `inputs ${seed} ${from} and the next ${atOnce}`)
  }
  assert.isAbove(answered, count / 20)
  yield* eventually("a list", isWell(agent), () => true)
})

/** The waits for a relay that is away are not what is asked here. */
const hasty = {
  backoffCapLoopback: "20 millis",
  outageGrace: "20 millis",
  outageGraceLater: "20 millis",
  fallbackAfter: "100 millis",
  fallbackUnknownAfter: "100 millis"
}

export const fromRelays = Effect.fnUntraced(function*(seed: string, count: number) {
  let input = 0
  let answered = 0
  const relay = yield* strictRelay("legacy", (id) => relayBytes(new Dice(`${seed} ${input++}`), id))
  const daemon = yield* holdfast(relay.url, { link: hasty })
  const agent = yield* rawAgent(daemon)
  const call = (session: string, id: number) => {
    const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"evil","arguments":{}}}`
    return [
      "POST /mcp HTTP/1.1",
      "host: 127.0.0.1",
      `authorization: Bearer ${daemon.secret}`,
      "accept: application/json, text/event-stream",
      "content-type: application/json",
      `mcp-session-id: ${session}`,
      `content-length: ${body.length}`,
      "connection: close",
      "",
      body
    ].join("\r\n")
  }
  for (const from of batches(count)) {
    yield* Effect.promise(() =>
      Promise.all(Array.from({ length: atOnce }, async (_, index) => {
        const text = await exchangeBytes(daemon.port, call(agent.session, from + index), 10_000)
        try {
          answered += checkAnswers(text).length
        } catch (error) {
          explain(`answers ${seed} ${from} and the next ${atOnce}`, error)
        }
      }))
    )
    assert.deepStrictEqual(relay.faults, [])
  }
  assert.isAbove(answered, count / 2)
  yield* eventually("a list", isWell(agent), () => true)
})
