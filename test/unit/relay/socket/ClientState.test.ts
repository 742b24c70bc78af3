import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { answers, ClientEvent, initial, type Step, transition } from "../../../../src/relay/socket/ClientState.ts"
import type { Envelope } from "../../../../src/relay/socket/SocketEnvelope.ts"

const bounds = { connect: 5_000, handshake: 5_000, silence: 30_000, refusal: 2_000 }
const envelope = (type: string, payload: unknown = {}): Envelope => ({ v: 1, type, id: "d1", ts: 0, payload })
const heard = (type: string, payload?: unknown) => ClientEvent.Heard({ envelope: envelope(type, payload) })
const welcome = (resume_token?: string) =>
  heard("WELCOME", { session_id: "s1", resume_token, server: { max_frame_bytes: 1000, heartbeat_ms: 5000 } })

type Story = ReadonlyArray<readonly [now: number, event: ClientEvent]>

/** Events at their times, and what the last one brought. */
const after = (...events: Story): Step =>
  events.reduce<Step>(({ state }, [now, event]) => transition(state, event, now, bounds), {
    state: initial,
    actions: []
  })

const connecting = [[0, ClientEvent.Wanted()]] as const
const handshaking = [...connecting, [1, ClientEvent.Connected()]] as const
const ready = [...handshaking, [2, welcome("t1")]] as const

const did = (...events: Story) => {
  const { actions, state } = after(...events)
  return [state.phase._tag, ...actions.map((action) => action._tag === "Fail" ? `Fail ${action.as}` : action._tag)]
}

describe("the client's side of a connection", () => {
  it("says HELLO first, and is ready with WELCOME", () => {
    assert.deepStrictEqual(did(...connecting), ["Connecting", "Open"])
    assert.deepStrictEqual(did(...handshaking), ["Handshaking", "Greet"])
    assert.deepStrictEqual(did(...ready), ["Ready", "Welcomed"])
    assert.deepStrictEqual(did(...ready, [3, ClientEvent.Wanted()]), ["Ready"])
  })

  it("keeps what WELCOME promises within bounds", () => {
    const sessionAt = (server: object) => {
      const { phase } = after(...handshaking, [2, heard("WELCOME", { session_id: "s1", server })]).state
      return phase._tag === "Ready" ? phase.session : undefined
    }
    assert.deepInclude(sessionAt({ heartbeat_ms: Infinity, max_frame_bytes: Infinity }), {
      silence: 300_000,
      maxFrameBytes: 1_048_576
    })
    assert.deepInclude(sessionAt({ heartbeat_ms: -1, max_frame_bytes: 0 }), { silence: 30_000, maxFrameBytes: 4096 })
    assert.deepInclude(sessionAt({ heartbeat_ms: 10_000, max_frame_bytes: 5000 }), {
      silence: 60_000,
      maxFrameBytes: 5000
    })
  })

  it("sends nothing but HELLO and PONG before WELCOME, whatever comes", () => {
    const types = ["PING", "DELIVER", "ACK", "STATUS_RESPONSE", "HELLO", "SYNC", "NOPE"]
    fc.assert(fc.property(fc.array(fc.constantFrom(...types), { maxLength: 8 }), (types) => {
      let { state } = after(...handshaking)
      for (const type of types) {
        const step = transition(state, heard(type), 3, bounds)
        assert.isTrue(step.actions.every((action) => action._tag === "Reply" && action.type === "PONG"))
        state = step.state
      }
      assert.strictEqual(state.phase._tag, "Handshaking")
    }))
  })

  it("gives a peer 5 s to be reached, and 5 s to say WELCOME", () => {
    assert.deepStrictEqual(did(...connecting, [4_999, ClientEvent.Ticked()]), ["Connecting"])
    assert.deepStrictEqual(did(...connecting, [5_000, ClientEvent.Ticked()]), [
      "Disconnected",
      "Fail not connected",
      "Hangup"
    ])
    assert.deepStrictEqual(did(...handshaking, [5_000, ClientEvent.Ticked()]), ["Handshaking"])
    const { actions: [fail] } = after(...handshaking, [5_001, ClientEvent.Ticked()])
    assert.deepInclude(fail, { as: "not connected", detail: "no WELCOME within 5 s" })
  })

  it("counts a lost connection from WELCOME on; before it, there was none", () => {
    for (const event of [ClientEvent.Ended({ detail: "x" }), ClientEvent.Malformed({ detail: "x" }), heard("BYE")]) {
      assert.deepStrictEqual(did(...handshaking, [3, event]), ["Disconnected", "Fail not connected", "Hangup"])
      assert.deepStrictEqual(did(...ready, [3, event]), ["Disconnected", "Fail lost", "Hangup"])
    }
    assert.deepStrictEqual(did([0, ClientEvent.Ended({ detail: "x" })]), ["Disconnected"])
  })

  it("echoes each PING, and takes 30 s without a frame for the end", () => {
    const { actions: [reply] } = after(...ready, [3, heard("PING", { nonce: "n" })])
    assert.deepInclude(reply, { type: "PONG", payload: { nonce: "n" } })
    assert.deepStrictEqual(did(...ready, [30_001, ClientEvent.Ticked()]), ["Ready"])
    assert.deepStrictEqual(did(...ready, [30_002, ClientEvent.Ticked()]), ["Disconnected", "Fail lost", "Hangup"])
    assert.deepStrictEqual(did(...ready, [30_000, heard("PING")], [60_000, ClientEvent.Ticked()])[0], "Disconnected")
    assert.deepStrictEqual(did(...ready, [30_000, heard("ACK")], [59_999, ClientEvent.Ticked()])[0], "Ready")
  })

  it("stays away after a fatal ERROR, with its code, until the bound is over", () => {
    const fatal = heard("ERROR", { code: "DUPLICATE_CONNECTION", message: "again", fatal: true })
    assert.deepStrictEqual(did(...ready, [10, fatal]), ["Backoff", "Fail lost", "Hangup"])
    assert.deepStrictEqual(did(...handshaking, [10, fatal]), ["Backoff", "Fail refused", "Hangup"])
    const { actions: [refused] } = after(...ready, [10, fatal], [2_009, ClientEvent.Wanted()])
    assert.deepInclude(refused, { as: "refused", detail: "DUPLICATE_CONNECTION: again" })
    assert.deepStrictEqual(did(...ready, [10, fatal], [2_010, ClientEvent.Wanted()]), ["Connecting", "Open"])
  })

  it("passes on what may answer a request, an ERROR that is not fatal too, and each DELIVER", () => {
    for (const type of ["ACK", "NACK", "BUSY", "STATUS_RESPONSE", "SPAWN_RESULT", "SYNC", "ANYTHING"]) {
      assert.deepStrictEqual(did(...ready, [3, heard(type)]), ["Ready", "Answer"])
    }
    assert.deepStrictEqual(did(...ready, [3, heard("ERROR", { code: "INTERNAL" })]), ["Ready", "Answer"])
    assert.deepStrictEqual(did(...ready, [3, heard("DELIVER")]), ["Ready", "Deliver"])
    assert.deepStrictEqual(did(...ready, [3, welcome("t9")]), ["Ready"])
  })

  it("resumes with the last token, days later too, and begins anew where that is too old", () => {
    const day = 86_400_000
    const greeted = (...events: Story) => after(...events).actions[0]
    const ended = [...ready, [3, ClientEvent.Ended({ detail: "x" })]] as const
    const again = [...ended, [3 * day, ClientEvent.Wanted()], [3 * day + 1, ClientEvent.Connected()]] as const
    assert.deepInclude(greeted(...again), { _tag: "Greet", resumeToken: "t1" })
    const tooOld = [...again, [3 * day + 2, heard("ERROR", { code: "RESUME_TOO_OLD", fatal: false })]] as const
    assert.deepStrictEqual(did(...tooOld), ["Handshaking"])
    const anew = [...tooOld, [3 * day + 3, welcome()], [3 * day + 4, ClientEvent.Ended({ detail: "x" })]] as const
    assert.deepInclude(
      greeted(...anew, [4 * day, ClientEvent.Wanted()], [4 * day + 1, ClientEvent.Connected()]),
      { resumeToken: undefined }
    )
    assert.isUndefined(after(...ready, [3, ClientEvent.Stale()]).state.resumeToken)
    assert.deepStrictEqual(did(...ready, [3, ClientEvent.Stale()]), ["Disconnected", "Fail lost", "Hangup"])
  })

  it("says BYE when nobody needs it, and refuses a WELCOME without a session", () => {
    assert.deepStrictEqual(did(...ready, [3, ClientEvent.Unused()]), ["Disconnected", "Reply", "Hangup"])
    assert.deepStrictEqual(did(...handshaking, [3, heard("WELCOME", {})])[1], "Fail not connected")
  })

  it("knows an answer by the request's id, by replyTo and by what it acknowledges", () => {
    const of = (answer: Partial<Envelope>) => answers({ ...envelope("ACK"), ...answer }, "r1", "c1")
    assert.isTrue(of({ id: "r1" }))
    assert.isTrue(of({ payload: { replyTo: "r1" } }))
    assert.isTrue(of({ payload: { ack_id: "r1" } }))
    assert.isTrue(of({ payload: { correlationId: "c1" } }))
    assert.isFalse(of({ payload: { replyTo: "r2", ack_id: "r2", correlationId: "c2" } }))
    assert.isFalse(answers({ ...envelope("ACK"), payload: { correlationId: undefined } }, "r1", undefined))
  })
})
