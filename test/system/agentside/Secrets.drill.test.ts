import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { request } from "node:http"
import type { Daemon } from "../../support/Daemon.ts"
import { nextId, rawAgent } from "../../support/RawAgent.ts"
import { Rig } from "../../support/Rig.ts"

const token = "the-relay-token-that-nobody-sees"
const injected = { "x-evil": "1", authorization: undefined, cookie: "agent-cookie=1", "mcp-param-region": "eu" }

const page = (daemon: Daemon, path: string) =>
  Effect.callback<string>((resume) => {
    request(new URL(path, daemon.url), (response) => {
      let text = JSON.stringify(response.headers)
      response.on("data", (chunk) => text += String(chunk))
      response.on("end", () => resume(Effect.succeed(text)))
    }).end()
  })

layer(
  Rig.layer({
    relay: { tokens: { [token]: { agent: "a" } } },
    daemon: { token, env: { HOLDFAST_LOG_LEVEL: "debug" } }
  }),
  { excludeTestServices: true }
)("a credential stays on its side:", (it) => {
  it.effect(
    "the agent's secret and cookies never reach the relay, and the relay's token nobody else",
    () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        const agent = yield* rawAgent(daemon)
        const { authorization: _, ...headers } = injected
        yield* agent.post({ id: nextId(), method: "tools/list" }, { headers })
        yield* agent.post({ id: nextId(), method: "tools/call", params: { name: "echo", arguments: { text: "x" } } }, {
          headers: { ...headers, "last-event-id": "evil.1", origin: "http://localhost:1", traceparent: "00-1-2-01" }
        })
        yield* agent.call("relay_send_message", { to: "b", text: "y" })
        const stream = yield* agent.get()
        yield* stream.next
        yield* relay.kill
        yield* agent.call("echo")
        yield* agent.call("relay_send_message", { to: "b", text: "z" })
        yield* relay.restart()
        yield* agent.call("echo")

        const seen = yield* relay.requests
        const told = JSON.stringify(seen)
        assert.notInclude(told, daemon.secret)
        assert.notInclude(told, agent.session)
        assert.notInclude(told, "agent-cookie")
        assert.notInclude(told, "x-evil")
        assert.notInclude(told, "evil.1")
        assert.notInclude(told, "localhost:1")
        assert.isTrue(seen.some(({ headers }) => headers["mcp-param-region"] === "eu"))
        assert.isTrue(seen.some(({ headers }) => headers["traceparent"] === "00-1-2-01"))
        assert.isTrue(seen.every(({ headers }) => headers["authorization"] === `Bearer ${token}`))

        for (
          const args of [["status", "--json"], ["token", "show", "--json"], ["outbox", "list", "--json"], ["tools"]]
        ) {
          const { stderr, stdout } = yield* daemon.command(...args)
          assert.notInclude(stdout + stderr, token, args.join(" "))
          assert.notInclude(stdout + stderr, daemon.secret, args.join(" "))
        }
        for (const path of ["/metrics", "/healthz", "/readyz", "/", "/api/status"]) {
          const text = yield* page(daemon, path)
          assert.notInclude(text, token, path)
          assert.notInclude(text, daemon.secret, path)
        }
        const output = (yield* daemon.stdout) + (yield* daemon.stderr)
        assert.notInclude(output, token)
        assert.notInclude(output, daemon.secret)
      })
  )
})
