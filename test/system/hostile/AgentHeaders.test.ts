/** Headers of an agent, or of a page in a browser, that two parsers would read as two things. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { eventually } from "../../support/eventually.ts"
import { holdfast } from "../../support/InProcess.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { hostileRelay } from "./HostileRelay.ts"
import { head, rawSocket } from "./RawSocket.ts"

const statusOf = (text: string) => Number(text.slice(9, 12))

const beside = Effect.gen(function*() {
  const daemon = yield* holdfast((yield* hostileRelay()).url)
  const agent = yield* rawAgent(daemon)
  return { daemon, agent, socket: yield* rawSocket(daemon.port) }
})

const ping = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"
const answered = ({ received }: Effect.Success<ReturnType<typeof rawSocket>>) =>
  eventually("the answer", Effect.sync(() => received.text), (text) => text.includes("\r\n\r\n"))

describe.concurrent("a request", () => {
  it.live.each(["host: evil.example", "Host: 127.0.0.1", "authorization: Bearer x"])(
    "with a second %s is refused",
    (line) =>
      Effect.gen(function*() {
        const { agent, daemon, socket } = yield* beside
        const more = { "content-length": ping.length, "mcp-session-id": agent.session }
        yield* socket.write(head(daemon.secret, more).replace("accept:", `${line}\r\naccept:`) + ping)
        assert.strictEqual(statusOf(yield* answered(socket)), 400)
      })
  )

  it.live.each(["user@127.0.0.1", "127.0.0.1/evil.example", "127.0.0.1#evil.example", "%6cocalhost", "localhost evil"])(
    "to the host %s is refused",
    (host) =>
      Effect.gen(function*() {
        const { daemon, socket } = yield* beside
        yield* socket.write(head(daemon.secret, { "content-length": ping.length }).replace("127.0.0.1", host) + ping)
        assert.strictEqual(statusOf(yield* answered(socket)), 403)
      })
  )

  it.live("to resume a stream puts nothing of its own into an answer", () =>
    Effect.gen(function*() {
      const { agent, daemon, socket } = yield* beside
      const spliced = Buffer.from("1,\"result\":{\"injected\":true},\"x\":1").toString("base64url")
      const more = { "mcp-session-id": agent.session, "last-event-id": `gone.1.${spliced}` }
      yield* socket.write(head(daemon.secret, more, "GET"))
      assert.strictEqual(statusOf(yield* answered(socket)), 200)
      const honest = Buffer.from("\"7\"").toString("base64url")
      const other = yield* rawSocket(daemon.port)
      yield* other.write(head(daemon.secret, { ...more, "last-event-id": `gone.1.${honest}` }, "GET"))
      yield* eventually(
        "an honest id's",
        Effect.sync(() => other.received.text),
        (text) => text.includes("\"id\":\"7\"")
      )
      assert.notInclude(socket.received.text, "injected")
    }))
})
