/** What a source said when it gave no token: told to operators wherever they look, and never to an agent. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { TokenView } from "../../../src/admin/TokenView.ts"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { userHome } from "../../support/git/userHome.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import * as Terminal from "../../support/Terminal.ts"
import { httpServer } from "../../support/token/httpServer.ts"

/** A relay that wants a token, from an endpoint that refuses; another, from a command that complains and fails. */
const stage = Effect.gen(function*() {
  const relay = yield* TestRelay.start({ tokens: { t: { agent: "a" } } })
  const mint = yield* httpServer(() => ({
    status: 401,
    body: { code: "INVALID_WORKSPACE_TOKEN", hint: "renew the workspace" }
  }))
  const user = yield* userHome
  const configuration = join(user.home, "holdfast.json")
  const command = "echo 'the vault is sealed' >&2; exit 3"
  writeFileSync(
    configuration,
    JSON.stringify({
      log: { format: "json" },
      token: { url: `${mint.origin}/mint` },
      relays: { other: { url: relay.url, token: { command } } },
      credentials: { git: { hosts: ["git.example.com"], token: { url: `${mint.origin}/git` } } }
    })
  )
  const daemon = yield* Daemon.start({ relayUrl: relay.url, env: { HOLDFAST_CONFIG: configuration } })
  return { daemon, relay }
})

const decodeTokens = Schema.decodeUnknownEffect(Schema.toCodecJson(Schema.Array(TokenView)))
const decodeLine = Schema.decodeUnknownEffect(
  Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))
)

const endpointSaid = "HTTP 401 INVALID_WORKSPACE_TOKEN, renew the workspace"

describe("a source that gives no token", () => {
  it.live(
    "is told with status, code, hint, attempt and next try in status, token show, doctor, logs and the admin API",
    () =>
      Effect.gen(function*() {
        const { daemon } = yield* stage
        const api = yield* eventually(
          "both sources to have been asked",
          daemon.admin("/api/token?agent=default"),
          ({ body }) => JSON.stringify(body).includes("INVALID") && JSON.stringify(body).includes("sealed")
        )
        const asked = Date.now()
        const [first, second] = yield* decodeTokens(api.body)
        assert.strictEqual(first?.state, "rejected")
        assert.deepStrictEqual(first?.lastError, {
          code: "HTTP 401 INVALID_WORKSPACE_TOKEN",
          hint: "renew the workspace",
          status: 401,
          attempt: 1
        })
        assert.closeTo((first?.nextRefreshAt?.epochMilliseconds ?? 0) - asked, 5 * 60_000, 30_000)
        assert.deepStrictEqual([second?.relay, second?.state], ["other", "failing"])
        yield* daemon.admin("/api/credentials/get", { protocol: "https", host: "git.example.com" })
        const { body } = yield* daemon.admin("/api/credentials")
        assert.match(
          JSON.stringify(body),
          /"nextAskAt":"20[^"]+","lastError":\{"code":"HTTP 401 INVALID_WORKSPACE_TOKEN","hint":"renew the workspace","status":401,"attempt":1\}/
        )

        for (const command of ["status", "token show", "doctor"]) {
          const { out } = yield* Terminal.run(daemon.dataDir, ...command.split(" "))
          assert.include(out, `${endpointSaid}; attempt 1, next in `, command)
          assert.match(out, /exit 3, the vault is sealed; attempt \d+, next in /, command)
          if (command !== "token show") {
            assert.match(out, /git.example.com: rejected .*renew the workspace; attempt 1, next/)
          }
        }
        const said = (yield* daemon.stderr).split("\n").filter((line) => line.includes("the token source"))
        const lines = yield* Effect.forEach(said, (line) => decodeLine(line))
        const refusal = lines.find(({ level }) => level === "error")
        assert.include(String(refusal?.["message"]), "renew the workspace (HTTP 401 INVALID_WORKSPACE_TOKEN)")
        assert.deepInclude(refusal, {
          relay: "default",
          code: "HTTP 401 INVALID_WORKSPACE_TOKEN",
          status: 401,
          attempt: 1
        })
        assert.match(String(refusal?.["next"]), /^20.*Z$/)
        // Each once: what is tried again and again does not fill the log.
        assert.deepStrictEqual(lines.map(({ level }) => level).sort(), ["error", "warning"])
      })
  )

  it.live("is not told to an agent: it is told who can do something about it", () =>
    Effect.gen(function*() {
      const { daemon } = yield* stage
      for (const url of [daemon.url, `${daemon.url}/other`]) {
        const client = yield* Clients.sdk(url, { secret: daemon.secret })
        const error = yield* Effect.flip(client.call("echo", { text: "x" }))
        assert.include(error.message, "holdfast token show")
        for (const secret of ["INVALID_WORKSPACE_TOKEN", "renew the workspace", "sealed", "exit 3"]) {
          assert.notInclude(JSON.stringify(error), secret)
        }
        assert.deepStrictEqual(yield* client.wire.failures, [])
      }
    }))
})
