import { assert, describe, it } from "@effect/vitest"
import { begin, FrontEvent, type Step, transition } from "../../../src/embedded/socket/FrontState.ts"
import type { Envelope } from "../../../src/relay/socket/SocketEnvelope.ts"

const envelope = (type: string, payload: unknown = {}): Envelope => ({ v: 1, type, id: "c1", ts: 0, payload })
const heard = (type: string, payload?: unknown) => FrontEvent.Heard({ envelope: envelope(type, payload) })
const hello = (agent: unknown, rest: object = {}) => heard("HELLO", { agent, ...rest })
const greeted = FrontEvent.Greeted({ session: "s1", resumeToken: "t1", tooOld: false })

type Story = ReadonlyArray<readonly [now: number, event: FrontEvent]>

const after = (...events: Story): Step =>
  events.reduce<Step>(({ state }, [now, event]) => transition(state, event, now), { state: begin(0), actions: [] })

/** The state, and each action in short. */
const did = (...events: Story) => {
  const { actions, state } = after(...events)
  return [
    state._tag,
    ...actions.map((action) => {
      if (action._tag !== "Send") return action._tag
      const { code, fatal } = action.payload as { readonly code?: string; readonly fatal?: boolean }
      return [action.type, code, fatal === true ? "fatal" : undefined].filter((word) => word !== undefined).join(" ")
    })
  ]
}

const active = [[1, hello("alice")], [2, greeted]] as const

describe("the relay's side of a connection", () => {
  it("answers HELLO with WELCOME, and is active", () => {
    assert.deepStrictEqual(did([1, hello("alice")]), ["Greeting", "Greet"])
    assert.deepStrictEqual(did(...active), ["Active", "WELCOME"])
    const { actions: [welcome] } = after(...active)
    assert.deepStrictEqual<unknown>(welcome, {
      _tag: "Send",
      type: "WELCOME",
      payload: {
        session_id: "s1",
        resume_token: "t1",
        server: { max_frame_bytes: 1_048_576, heartbeat_ms: 5_000, dedupes: true }
      }
    })
  })

  it("says RESUME_TOO_OLD ahead of the WELCOME to a new session", () => {
    const tooOld = FrontEvent.Greeted({ session: "s2", resumeToken: "t2", tooOld: true })
    assert.deepStrictEqual(did([1, hello("alice")], [2, tooOld]), ["Active", "ERROR RESUME_TOO_OLD", "WELCOME"])
  })

  it.each(["Dashboard", "cli", "system", "_router", "", "no spaces", "x".repeat(65), 7, null])(
    "closes on HELLO by the name %j",
    (name) => assert.deepStrictEqual(did([1, hello(name)]), ["Closed", "ERROR BAD_REQUEST fatal", "Close"])
  )

  it("lets one other frame pass before HELLO, with an ERROR, and closes on the second", () => {
    assert.deepStrictEqual(did([1, heard("SEND")]), ["Handshaking", "ERROR BAD_REQUEST"])
    assert.deepStrictEqual(did([1, heard("SEND")], [2, hello("alice")]), ["Greeting", "Greet"])
    assert.deepStrictEqual(did([1, heard("SEND")], [2, heard("STATUS")]), [
      "Closed",
      "ERROR BAD_REQUEST fatal",
      "Close"
    ])
  })

  it("closes 5 s without HELLO", () => {
    assert.deepStrictEqual(did([4_999, FrontEvent.Ticked()]), ["Handshaking"])
    assert.deepStrictEqual(did([4_000, heard("SEND")], [5_000, FrontEvent.Ticked()]), ["Closed", "Close"])
  })

  it("names what it does not know, and a second HELLO, and stays", () => {
    for (const type of ["HELLO", "CHANNEL_JOIN", "PING", "NOPE"]) {
      assert.deepStrictEqual(did(...active, [3, heard(type)]), ["Active", "ERROR BAD_REQUEST"])
      const { actions: [error] } = after(...active, [3, heard(type)])
      assert.include(JSON.stringify(error), type)
      assert.include(JSON.stringify(error), `"replyTo":"c1"`)
    }
  })

  it("hands on what it knows", () => {
    for (const type of ["SEND", "ACK", "NACK", "RESUME", "STATUS", "INBOX", "LIST_AGENTS", "SPAWN", "RELEASE"]) {
      assert.deepStrictEqual(did(...active, [3, heard(type)]), ["Active", "Handle"])
    }
  })

  it("tells the older connection of an agent that connects again, and closes it", () => {
    assert.deepStrictEqual(did(...active, [3, FrontEvent.Superseded()]), [
      "Closed",
      "ERROR DUPLICATE_CONNECTION fatal",
      "Close"
    ])
  })

  it("asks every 5 s, and closes 30 s after the last PONG", () => {
    assert.deepStrictEqual(did(...active, [5_001, FrontEvent.Ticked()]), ["Active"])
    assert.deepStrictEqual(did(...active, [5_002, FrontEvent.Ticked()]), ["Active", "PING"])
    assert.deepStrictEqual(did(...active, [30_001, FrontEvent.Ticked()]), ["Active", "PING"])
    assert.deepStrictEqual(did(...active, [30_002, FrontEvent.Ticked()]), ["Closed", "Close"])
    assert.deepStrictEqual(did(...active, [20_000, heard("PONG")], [49_999, FrontEvent.Ticked()])[0], "Active")
    assert.deepStrictEqual(did(...active, [20_000, heard("PONG")], [50_000, FrontEvent.Ticked()])[0], "Closed")
  })

  it("is closed by BYE, an end, a frame that is none and the relay's own end, in any state, and stays so", () => {
    const stories: ReadonlyArray<Story> = [[], [[1, hello("alice")]], active]
    for (const before of stories) {
      assert.deepStrictEqual(did(...before, [3, heard("BYE")]), ["Closed", "Close"])
      assert.deepStrictEqual(did(...before, [3, FrontEvent.Ended()]), ["Closed", "Close"])
      assert.deepStrictEqual(did(...before, [3, FrontEvent.Stopping()]), ["Closed", "BYE", "Close"])
      const malformed = FrontEvent.Malformed({ detail: "not JSON" })
      assert.deepStrictEqual(did(...before, [3, malformed]), ["Closed", "ERROR BAD_REQUEST fatal", "Close"])
      assert.deepStrictEqual(did(...before, [3, malformed], [4, heard("SEND")]), ["Closed"])
    }
  })
})
