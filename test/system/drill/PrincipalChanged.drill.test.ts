/** A token that comes to stand for somebody else, or to be allowed less: nothing of the other's is served or sent. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { TokenView } from "../../../src/admin/TokenView.ts"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { assertLedger, assertQueued, send, texts } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

const decodeTokens = Schema.decodeUnknownSync(Schema.toCodecJson(Schema.Array(TokenView)))
const decodePage = Schema.decodeUnknownSync(Schema.Struct({ entries: Schema.Array(Schema.Unknown) }))

const segment = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")

/** Signed by nobody: what Holdfast reads of it tells principals apart and allows nothing. */
const jwt = (sub: string, scope: string, serial = 1) =>
  `${segment({ alg: "none" })}.${segment({ sub, scope, jti: serial })}.x`

const ada = jwt("ada", "messages")
const adaLater = jwt("ada", "messages", 2)
const bob = jwt("bob", "messages")
const bobMay = jwt("bob", "messages test")

const stage = Effect.gen(function*() {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-principal-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const file = join(directory, "token")
  const holds = (token: string) =>
    Effect.sync(() => {
      writeFileSync(`${file}.new`, token)
      renameSync(`${file}.new`, file)
    })
  yield* holds(ada)
  const messages = ["messages"]
  const tokens = {
    [ada]: { agent: "ada", scopes: [...messages, "test"] },
    [adaLater]: { agent: "ada", scopes: [...messages, "test"] },
    [bob]: { agent: "bob", scopes: messages },
    [bobMay]: { agent: "bob", scopes: [...messages, "test"] }
  }
  const relay = yield* TestRelay.start({ tokens })
  const daemon = yield* Daemon.start({ relayUrl: relay.url, env: { HOLDFAST_TOKEN_FILE: file } })
  const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
  yield* client.wire.awaitStream
  const token = Effect.map(daemon.admin("/api/token?agent=default"), ({ body }) => decodeTokens(body)[0])
  const principal = Effect.map(token, (shown) => shown?.principal)
  const held = Effect.map(daemon.admin("/api/outbox?state=held"), ({ body }) => decodePage(body).entries.length)
  return { relay, daemon, client, holds, token, principal, held }
})

describe("a token of another principal", () => {
  it.live(
    "narrows the menu and says so; within one principal nothing is fetched for a rotation's sake alone",
    () =>
      Effect.gen(function*() {
        const { client, holds, principal, token } = yield* stage
        const wide = yield* client.toolNames
        assert.include(wide, "echo")
        const before = yield* principal

        yield* holds(adaLater)
        yield* eventually("the rotation", token, (shown) => shown !== undefined && shown.refreshes > 1)
        assert.strictEqual(yield* principal, before)
        assert.deepStrictEqual(yield* client.toolNames, wide)

        yield* holds(bob)
        yield* client.awaitListChanged(1)
        const narrow = yield* client.toolNames
        assert.notInclude(narrow, "echo")
        assert.include(narrow, "relay_send_message")
        assert.notStrictEqual(yield* principal, before)
        assert.strictEqual(yield* client.wire.initializes, 1)

        // The same subject with other rights is another principal, too.
        const asBob = yield* principal
        yield* holds(bobMay)
        yield* client.awaitListChanged(2)
        assert.include(yield* client.toolNames, "echo")
        assert.notStrictEqual(yield* principal, asBob)
      })
  )

  it.live(
    "holds what was queued for the first one, and delivers it when that one is back",
    () =>
      Effect.gen(function*() {
        const { client, held, holds, relay } = yield* stage
        yield* send(client, "one")
        yield* relay.kill
        assertQueued(yield* send(client, "for ada's eyes"))

        yield* holds(bob)
        yield* eventually("the queue held", held, (count) => count === 1)
        yield* relay.restart()
        yield* send(client, "as bob")
        yield* assertLedger(relay, ["one", "as bob"])
        const agents = Effect.map(relay.ledger, (entries) => entries.map(({ agent }) => agent))
        assert.deepStrictEqual(yield* agents, ["ada", "bob"])

        yield* holds(ada)
        yield* assertLedger(relay, ["one", "as bob", "for ada's eyes"])
        assert.deepStrictEqual(yield* agents, ["ada", "bob", "ada"])
        assert.strictEqual(yield* held, 0)
      })
  )

  it.live(
    "is never shown a list that was kept under the first one, also while the relay is away",
    () =>
      Effect.gen(function*() {
        const { client, daemon, holds, principal, relay } = yield* stage
        assert.include(yield* client.toolNames, "echo")
        const before = yield* principal
        yield* relay.kill
        assert.include(yield* client.toolNames, "echo")

        yield* holds(bob)
        yield* eventually("the other principal", principal, (now) => now !== before)
        const listed = yield* Effect.result(client.toolNames)
        if (listed._tag === "Success") assert.deepStrictEqual(listed.success, [])
        const other = yield* Clients.client(daemon.url, { secret: daemon.secret })
        const fresh = yield* Effect.result(other.toolNames)
        if (fresh._tag === "Success") assert.deepStrictEqual(fresh.success, [])
        assert.notInclude((yield* daemon.command("tools")).stdout, "echo")

        yield* relay.restart()
        const back = yield* eventually("bob's own list", client.toolNames, (names) => names.length > 0)
        assert.notInclude(back, "echo")
        assert.deepStrictEqual(yield* texts(relay), [])
      })
  )
})
