/** `observe.listen` of a real daemon: what probes and scrapers of other machines see, and what they do not. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { createServer } from "node:http"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

const get = (url: string, path: string, init?: RequestInit) =>
  Effect.promise(async () => {
    const response = await fetch(new URL(path, url), init)
    return { status: response.status, text: await response.text() }
  })

/** The log names it a moment after the daemon is ready. */
const probesOf = (daemon: Daemon) =>
  eventually("its address", Effect.map(daemon.stderr, addressIn), (found) => found !== "")

const addressIn = (log: string): string =>
  /message="Holdfast is ready".* probes=(http:\/\/127\.0\.0\.1:\d+)/.exec(log)?.[1] ?? ""

const observing = { env: { HOLDFAST_OBSERVE_LISTEN: "127.0.0.1:0" } }

describe("observe.listen", () => {
  it.live("answers probes and scrapers, whatever Host they name, and has neither agents' endpoint nor admin API", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const daemon = yield* Daemon.start({ relayUrl: relay.url, ...observing })
      const probes = yield* probesOf(daemon)
      assert.deepStrictEqual(yield* get(probes, "/healthz"), { status: 200, text: "ok\n" })
      assert.deepStrictEqual(JSON.parse((yield* get(probes, "/readyz")).text), { ready: true, degraded: [] })
      assert.include((yield* get(probes, "/metrics", { headers: { host: "10.0.0.7:9464" } })).text, "holdfast_link_up")
      assert.strictEqual((yield* get(probes, "/readyz", { method: "POST" })).status, 405)
      const bearer = { headers: { authorization: `Bearer ${daemon.secret}` } }
      for (const path of ["/mcp", "/mcp/default", "/api/status", "/", "/.well-known/oauth-protected-resource"]) {
        assert.strictEqual((yield* get(probes, path, bearer)).status, 404, path)
      }
      assert.strictEqual((yield* daemon.command("health")).code, 0)
    }))

  it.live("says degraded and ready while the relay is away, as holdfast health does, and not ready until it has stopped", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ tokens: { "token-of-the-relay": { agent: "a" } } })
      const daemon = yield* Daemon.start({ relayUrl: relay.url, token: "token-of-the-relay", ...observing })
      const probes = yield* probesOf(daemon)
      const agent = yield* rawAgent(daemon)
      yield* agent.request("tools/list")
      yield* relay.control.hold("before commit")
      yield* Effect.forkScoped(agent.call("relay_send_message", { to: "b", text: "held" }))
      yield* relay.control.awaitHeld("before commit")
      const ended = yield* Effect.forkScoped(daemon.terminate)
      const stopping = yield* eventually("not ready", get(probes, "/readyz"), ({ status }) => status === 503)
      assert.isFalse(JSON.parse(stopping.text).ready)
      assert.strictEqual((yield* get(probes, "/healthz")).status, 200)
      assert.strictEqual((yield* Fiber.join(ended)).code, 0)

      yield* relay.kill
      yield* daemon.restart()
      const again = yield* probesOf(daemon)
      const said = yield* eventually("degraded", get(again, "/readyz"), ({ text }) => text.includes("is down"))
      assert.strictEqual(said.status, 200)
      const { degraded, ready } = JSON.parse(said.text)
      assert.isTrue(ready)
      assert.match(degraded[0], /^relay default is down: /)
      const health = yield* daemon.command("health")
      assert.strictEqual(health.code, 0)
      assert.match(health.stdout, /^ready, without: relay default is down/)
      const all = said.text + (yield* get(again, "/metrics")).text
      for (const secret of [daemon.secret, "token-of-the-relay"]) assert.notInclude(all, secret)
    }))

  it.live("that is taken ends the start with its name and the way out", () =>
    Effect.gen(function*() {
      const taken = yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const address = taken.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const relay = yield* TestRelay.start()
      const args = ["serve", "--relay", relay.url, "--port", "0", "--data-dir", `${relay.directory}/data`]
      const { code, stderr } = yield* Daemon.run(args, { HOLDFAST_OBSERVE_LISTEN: `127.0.0.1:${port}` })
      assert.strictEqual(code, 1)
      assert.include(stderr, `cannot listen on 127.0.0.1:${port} for probes and scrapers`)
      assert.include(stderr, "observe.listen")
    }))

  it.live("refuses what is no address with an example of one", () =>
    Effect.gen(function*() {
      for (const wrong of ["9464", "127.0.0.1", "localhost:99999", "http://127.0.0.1:9464"]) {
        const { code, stderr } = yield* Daemon.run(["serve", "--relay", "http://127.0.0.1:1"], {
          HOLDFAST_OBSERVE_LISTEN: wrong
        })
        assert.strictEqual(code, 1, wrong)
        assert.include(stderr, "expected an address and a port such as \"127.0.0.1:9464\"", wrong)
      }
    }))
})
