import { assert, describe, it } from "@effect/vitest"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { startingServer } from "../../../src/embedded/EmbeddedRelay.ts"

describe("a server that is starting", () => {
  it("answers 503 until something answers its requests, and then leaves them to that", async () => {
    const server = startingServer()
    try {
      await once(server.listen(0, "127.0.0.1"), "listening")
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
      const early = await fetch(url)
      assert.strictEqual(early.status, 503)
      assert.strictEqual(early.headers.get("retry-after"), "1")
      server.on("request", (_, response) => response.end("it is there"))
      assert.strictEqual(await (await fetch(url)).text(), "it is there")
    } finally {
      server.close()
      server.closeAllConnections()
    }
  })
})
