/**
 * Tokens that are bound to a key (DPoP, RFC 9449), from a stock OpenID provider and at a resource that judges each proof,
 * both under nonces of their own. The whole daemon is tried in the drills, and by the official conformance suite.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import { defaultAgent, defaultRelay } from "../../../src/domain/Ids.ts"
import { RelayTransport } from "../../../src/relay/transport/RelayTransport.ts"
import { DataDirectory } from "../../../src/storage/DataDirectory.ts"
import * as Authorization from "../../../src/token/sources/Authorization.ts"
import * as LoginFile from "../../../src/token/sources/LoginFile.ts"
import * as LoginPlace from "../../../src/token/sources/LoginPlace.ts"
import * as LoginSource from "../../../src/token/sources/LoginSource.ts"
import { ProofKey } from "../../../src/token/sources/ProofKey.ts"
import type { IssuedToken } from "../../../src/token/sources/TokenSource.ts"
import { target } from "../../support/relay/ScriptedRelay.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { browse } from "../../support/token/BrowserUser.ts"
import { openIdServer } from "../../support/token/OpenIdServer.ts"
import { withServices } from "../../support/token/withServices.ts"

const redirectUri = "http://127.0.0.1:7777/callback"

describe("a token that is bound to a key", () => {
  it.live("is asked for, renewed and shown to the relay with a proof each, under whichever nonce; another key is of no use", () =>
    Effect.gen(function*() {
      const server = yield* openIdServer({ bound: "with nonce" })
      const place = yield* withServices(LoginPlace.find({ relay: server.relay }))
      assert.isTrue(place.bound)
      const begun = yield* withServices(Authorization.begin(place, redirectUri, {}))
      assert.isNotNull(new URL(begun.url).searchParams.get("dpop_jkt"), "the code is bound, too")
      const { url } = yield* browse("alice", begun.url, redirectUri)
      const login = yield* withServices(begun.complete(url.searchParams))
      assert.isDefined(login.key)

      const directory = yield* Layer.build(DataDirectory.layerAt(yield* temporaryDirectory))
      yield* Effect.provideContext(LoginFile.write(defaultRelay, login), directory)
      const source = yield* withServices(LoginSource.make(defaultRelay, server.relay)).pipe(
        Effect.provideContext(directory)
      )
      const transport = yield* Layer.build(Layer.provide(RelayTransport.layer, target(server.relay)))
      const send = (text: string, { key, value }: Pick<IssuedToken, "key" | "value">) =>
        Effect.result(
          Effect.flatMap(RelayTransport, (relay) =>
            relay.send({
              agent: defaultAgent,
              method: "POST",
              token: Option.some(value),
              key,
              body: JSON.stringify({
                jsonrpc: "2.0",
                id: 1,
                method: "tools/call",
                params: { name: "relay_send_message", arguments: { text } }
              })
            })).pipe(Effect.scoped, Effect.provideContext(transport))
        )

      const first = yield* source.fetch
      assert.strictEqual((yield* send("first", first))._tag, "Success")
      const renewed = yield* source.fetch
      assert.notStrictEqual(Redacted.value(renewed.value), Redacted.value(first.value))
      assert.strictEqual(renewed.key, first.key)
      assert.strictEqual((yield* send("renewed", renewed))._tag, "Success")
      assert.deepStrictEqual(server.bound.refused, ["no nonce, or an old one"], "once: the nonce is remembered")
      // A relay may change it at any time.
      server.bound.nonce = "another"
      assert.strictEqual((yield* send("under another nonce", renewed))._tag, "Success")
      assert.strictEqual(server.bound.proofs.at(-1)?.nonce, "another")
      assert.deepStrictEqual(server.letters.map(({ text }) => text), ["first", "renewed", "under another nonce"])

      for (const key of [ProofKey.generate(), undefined]) {
        const stolen = yield* send("stolen", { value: renewed.value, key })
        assert.deepInclude(stolen._tag === "Failure" ? stolen.failure.reason : stolen, { _tag: "Unauthorized" })
      }
      assert.strictEqual(server.letters.length, 3)
    }))

  it.live("is not asked for where the relay does not, though its server binds tokens", () =>
    Effect.gen(function*() {
      const server = yield* openIdServer()
      assert.isFalse((yield* withServices(LoginPlace.find({ relay: server.relay }))).bound)
    }))
})
