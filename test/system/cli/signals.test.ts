import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { RequestListener } from "node:http"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { listening } from "../../support/listening.ts"

const result = (method: string) =>
  method === "initialize"
    ? { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "slow", version: "1" } }
    : { tools: [] }

/** A relay that takes calls of tools and never answers them; anything else it answers. */
const slowRelay = Effect.gen(function*() {
  let calls = 0
  const handle: RequestListener = (request, response) => {
    let body = ""
    request.on("data", (chunk) => body += String(chunk))
    request.on("end", () => {
      const { id, method } = body === "" ? { id: undefined, method: "" } : JSON.parse(body)
      if (method === "tools/call") calls += 1
      else if (id === undefined) response.writeHead(request.method === "POST" ? 202 : 405).end()
      else {
        response.writeHead(200, { "content-type": "application/json" })
          .end(JSON.stringify({ jsonrpc: "2.0", id, result: result(method) }))
      }
    })
  }
  const port = yield* listening(handle)
  return { url: `http://127.0.0.1:${port}/mcp`, calls: Effect.sync(() => calls) }
})

const post = (daemon: Daemon, session: string | null, message: object) =>
  Effect.promise(() =>
    fetch(daemon.url, {
      method: "POST",
      headers: {
        authorization: `Bearer ${daemon.secret}`,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        ...session === null ? {} : { "mcp-session-id": session }
      },
      body: JSON.stringify({ jsonrpc: "2.0", ...message })
    }).catch(() => undefined)
  )

/** A daemon that waits for the relay's answer to one call. */
const busy = Effect.gen(function*() {
  const relay = yield* slowRelay
  const daemon = yield* Daemon.start({ relayUrl: relay.url })
  const opened = yield* post(daemon, null, {
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } }
  })
  const session = opened?.headers.get("mcp-session-id") ?? null
  yield* Effect.forkScoped(
    post(daemon, session, { id: 2, method: "tools/call", params: { name: "relay_workspace_claim", arguments: {} } })
  )
  yield* eventually("the call reached the relay", relay.calls, (calls) => calls > 0)
  return daemon
})

describe("signals", () => {
  it.live("the first one waits a while for what is in flight, and ends with 0", () =>
    Effect.gen(function*() {
      const daemon = yield* busy
      assert.deepStrictEqual(yield* daemon.terminate, { code: 0, signal: null })
    }))

  it.live("a second one ends the daemon at once", () =>
    Effect.gen(function*() {
      const daemon = yield* busy
      yield* daemon.signal("SIGTERM")
      yield* Effect.sleep("500 millis")
      yield* daemon.signal("SIGTERM")
      assert.deepStrictEqual(yield* daemon.ended, { code: 130, signal: null })
    }))
})
