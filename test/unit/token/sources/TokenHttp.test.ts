import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpClientRequest } from "effect/http"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { isLocal, isPublic } from "../../../../src/token/sources/PublicAddress.ts"
import * as TokenHttp from "../../../../src/token/sources/TokenHttp.ts"
import { withServices } from "../../../support/token/withServices.ts"

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
      assert.isFalse(yield* isLocal(far))
      const places = [url, new URL(`http://localhost:${url.port}/`)]
      for (const place of places) {
        const error = yield* Effect.flip(
          withServices(TokenHttp.send(HttpClientRequest.get(place), { namedBy: far }))
        )
        assert.isTrue(error.code === "insecure" || error.hint.includes("ENOTPUBLIC"), error.message)
      }
      assert.strictEqual(seen.asked, 0)
    }))

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
