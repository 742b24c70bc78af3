/**
 * Tokens that are bound to a key (DPoP, RFC 9449), from a stock OpenID provider and at a resource that judges each proof,
 * both under nonces of their own.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ProofKey } from "../../../src/token/sources/ProofKey.ts"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { openIdServer } from "../../support/token/OpenIdServer.ts"
import { logIn } from "../../support/token/PersonAtTerminal.ts"

describe("a token that is bound to a key", () => {
  it.live("is asked for, used and renewed with a proof for each request, and is of no use with another key", () =>
    Effect.gen(function*() {
      const server = yield* openIdServer({ bound: "with nonce" })
      const daemon = yield* Daemon.start({ relayUrl: server.relay.href })
      const file = join(daemon.dataDir, "login-default.json")
      const kept = () => JSON.parse(readFileSync(file, "utf8"))
      yield* logIn(daemon, "alice")
      const first = kept()
      const agent = yield* rawAgent(daemon)
      const send = (text: string) => agent.call("relay_send_message", { to: "b", text })
      yield* eventually("the login to be taken up", send("first"), ({ answer }) => answer.error === undefined)

      const renewed = yield* daemon.command("token", "refresh")
      assert.strictEqual(renewed.code, 0, renewed.stderr)
      assert.notStrictEqual(kept().accessToken, first.accessToken)
      assert.deepStrictEqual(kept().key, first.key, "the same login, the same key")
      yield* send("after a renewal")
      // A relay may change its nonce at any time.
      server.bound.nonce = "another"
      yield* send("under another nonce")
      assert.strictEqual(server.bound.proofs.at(-1)?.nonce, "another")

      yield* daemon.restart()
      const later = yield* rawAgent(daemon)
      yield* later.call("relay_send_message", { to: "b", text: "after a restart" })
      for (const text of ["after a renewal", "under another nonce", "after a restart"]) {
        assert.deepInclude(server.letters, { text, from: "alice" })
      }
      assert.deepStrictEqual([...new Set(server.bound.refused)], ["no nonce, or an old one"])

      yield* daemon.kill
      writeFileSync(file, JSON.stringify({ ...kept(), key: ProofKey.generate().jwk }))
      yield* daemon.restart()
      const shown = yield* eventually(
        "the token to be rejected",
        daemon.command("token", "show"),
        ({ stdout }) => stdout.includes("rejected")
      )
      assert.include(shown.stdout, "holdfast login")
      assert.include(server.bound.refused, "another key")
    }))
})
