import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpClientRequest } from "effect/http"
import type { LookupAddress, LookupAllOptions } from "node:dns"
import { createServer } from "node:http"
import { createServer as createSecureServer } from "node:https"
import { type AddressInfo, isIP } from "node:net"
import * as tls from "node:tls"
import { isPublic, locationOf, mayName, Resolver } from "../../../../src/token/sources/PublicAddress.ts"
import * as TokenHttp from "../../../../src/token/sources/TokenHttp.ts"
import { selfSigned } from "../../../support/selfSigned.ts"
import { withServices } from "../../../support/token/withServices.ts"

type Done = (error: null, addresses: Array<LookupAddress>) => void

/** Answers without end, as fast as it is taken; counts what it wrote and how often it was asked. */
const endless = Effect.gen(function*() {
  const seen = { bytes: 0, asked: 0 }
  const server = createServer((_request, response) => {
    seen.asked++
    response.writeHead(200, { "content-type": "application/json" })
    const chunk = Buffer.alloc(64 * 1024, " ")
    const more = (): void => {
      while (!response.destroyed) {
        seen.bytes += chunk.length
        if (!response.write(chunk)) return
      }
    }
    response.on("drain", more).on("error", () => {})
    more()
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () => Effect.sync(() => void server.close().closeAllConnections())
  )
  return { seen, url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`) }
})

describe("TokenHttp", () => {
  it.effect("names a place that somebody else named in 200 characters at most", () =>
    Effect.gen(function*() {
      const { message } = yield* Effect.flip(TokenHttp.safeUrl(`http://a.test/${"x".repeat(1_000_000)}`))
      assert.isBelow(message.length, 300)
      assert.include(message, "http://a.test/xxx")
    }))

  it.live("cuts an answer off at 1 MiB, and calls it final", () =>
    Effect.gen(function*() {
      const { seen, url } = yield* endless
      const error = yield* Effect.flip(withServices(TokenHttp.send(HttpClientRequest.get(url))))
      assert.strictEqual(error.code, "too long")
      assert.isFalse(error.retryable)
      assert.strictEqual(seen.asked, 1)
      // What sockets hold between the two sides comes on top.
      assert.isBelow(seen.bytes, 32 * 1024 * 1024)
    }))

  it.live("asks nobody on this machine on behalf of one that is elsewhere", () =>
    Effect.gen(function*() {
      const { seen, url } = yield* endless
      const far = new URL("https://192.0.2.1/mcp")
      assert.strictEqual(yield* locationOf(far), "elsewhere")
      const places = [url, new URL(`http://localhost:${url.port}/`)]
      for (const place of places) {
        const error = yield* Effect.flip(
          withServices(TokenHttp.send(HttpClientRequest.get(place), { namedBy: far }))
        )
        assert.isTrue(error.code === "insecure" || error.hint.includes("ENOTPUBLIC"), error.message)
      }
      assert.strictEqual(seen.asked, 0)
    }))

  describe("of a relay with a DNS of its own", () => {
    const name = "relay.example"
    const { cert, key } = selfSigned(name)
    const others = tls.getCACertificates()
    beforeAll(() => tls.setDefaultCACertificates([...others, cert]))
    afterAll(() => tls.setDefaultCACertificates(others))

    /** Gives a name's addresses, one answer after the other, and the last one again and again. */
    const resolving = (...answers: ReadonlyArray<string>) => {
      let asked = 0
      const resolver = (host: string, _options: LookupAllOptions, done: Done) => {
        const answer = host === "localhost" ? "127.0.0.1" : answers[Math.min(asked++, answers.length - 1)] ?? ""
        done(null, [{ address: answer, family: isIP(answer) }])
      }
      return Effect.provideService(Resolver, resolver)
    }

    const secure = Effect.gen(function*() {
      const server = createSecureServer({ cert, key }, (_request, response) => void response.end("{}"))
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
        () => Effect.sync(() => void server.close().closeAllConnections())
      )
      return new URL(`https://${name}:${(server.address() as AddressInfo).port}/mcp`)
    })

    it.live("takes its word that it is on this machine for nothing, whether before or after it was elsewhere", () =>
      Effect.gen(function*() {
        const { seen, url } = yield* endless
        for (const answers of [["127.0.0.1"], ["127.0.0.1", "192.0.2.1"], ["192.0.2.1", "127.0.0.1"]]) {
          // The port that its URL has is one of this machine where nobody has its certificate.
          const relay = new URL(`https://${name}:${url.port}/mcp`)
          for (const place of [url, new URL(`http://localhost:${url.port}/`)]) {
            const error = yield* Effect.flip(
              withServices(TokenHttp.send(HttpClientRequest.get(place), { namedBy: relay }))
            ).pipe(resolving(...answers))
            assert.isTrue(error.code === "insecure" || error.hint.includes("ENOTPUBLIC"), error.message)
          }
        }
        assert.strictEqual(seen.asked, 0)
      }))

    it.live("lets one name this machine that shows its certificate there", () =>
      Effect.gen(function*() {
        const relay = yield* secure
        const place = new URL(`https://127.0.0.1:${relay.port}/token`)
        const asked = withServices(TokenHttp.send(HttpClientRequest.get(place), { namedBy: relay }))
        assert.strictEqual((yield* asked.pipe(resolving("127.0.0.1"))).status, 200)
        const stranger = new URL(relay.href.replace(name, "other.example"))
        const error = yield* Effect.flip(
          withServices(TokenHttp.send(HttpClientRequest.get(place), { namedBy: stranger })).pipe(
            resolving("127.0.0.1")
          )
        )
        assert.strictEqual(error.code, "insecure")
        assert.include(error.hint, "TLS handshake")
        // It may be away, and back later.
        assert.isTrue(error.retryable)
      }))

    it.live("asks a name at the address alone that was judged", () =>
      Effect.gen(function*() {
        const { seen, url } = yield* endless
        const error = yield* Effect.flip(
          withServices(
            TokenHttp.send(HttpClientRequest.get(new URL(`https://auth.example:${url.port}/`)), {
              namedBy: new URL("https://192.0.2.1/mcp")
            })
          ).pipe(resolving("127.0.0.1"))
        )
        assert.include(error.hint, "ENOTPUBLIC")
        assert.strictEqual(seen.asked, 0)
      }))
  })

  it("lets one of this machine's network name no place on this machine", () => {
    assert.isFalse(mayName("network", "127.0.0.1"))
    assert.isFalse(mayName("network", "::1"))
    assert.isTrue(mayName("network", "10.255.0.1"))
    assert.isTrue(mayName("machine", "127.0.0.1"))
    assert.isFalse(mayName("unproven", "10.255.0.1"))
    assert.isTrue(mayName("unproven", "8.8.8.8"))
  })

  it("knows addresses that not everybody can reach, in either family and one inside the other", () => {
    const hidden = [
      "127.0.0.1",
      "127.8.8.8",
      "0.0.0.0",
      "10.1.2.3",
      "172.31.0.1",
      "192.168.1.1",
      "169.254.169.254",
      "100.64.0.1",
      "224.0.0.1",
      "255.255.255.255",
      "::1",
      "::",
      "::ffff:127.0.0.1",
      "::ffff:10.0.0.1",
      "::127.0.0.1",
      "fe80::1",
      "fec0::1",
      "fd00::1",
      "not an address"
    ]
    for (const address of hidden) assert.isFalse(isPublic(address), address)
    for (const address of ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]) {
      assert.isTrue(isPublic(address), address)
    }
  })
})
