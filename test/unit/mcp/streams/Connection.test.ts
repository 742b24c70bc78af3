import { assert, describe, it } from "@effect/vitest"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { SseDecoder } from "../../../../src/domain/SseDecoder.ts"
import { Connection } from "../../../../src/mcp/streams/Connection.ts"

/** What a client reads of a response that `answer` makes. */
const read = async (answer: (connection: Connection) => void) => {
  const server = createServer((_, response) => answer(new Connection(response)))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  try {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    return { length: response.headers.get("content-length"), text: await response.text() }
  } finally {
    server.close()
  }
}

const long = "x".repeat(20_000)

const texts: Readonly<Record<string, string>> = {
  "short ASCII": "{\"a\":1}",
  "long ASCII": long,
  "long ASCII with an umlaut at its end": `${long}ü`,
  "long ASCII that an umlaut begins": `ü${long}`,
  "long, all of it wide": "字".repeat(10_000),
  "long, with a pair of surrogates": `${long}🐎${long}`,
  "long, of several lines": `${long}\n${long}`
}

describe("Connection", () => {
  for (const [name, text] of Object.entries(texts)) {
    it(`a text that is ${name} arrives as it is, with its length`, async () => {
      const { length, text: received } = await read((connection) => connection.reply(200, text))
      assert.strictEqual(received, text)
      assert.strictEqual(length, String(Buffer.byteLength(text)))
    })

    it(`an event that is ${name} arrives as it is, with its length`, async () => {
      const { length, text: received } = await read((connection) => connection.replyEvent(text))
      const decoded = new SseDecoder().push(received)
      assert.deepStrictEqual(decoded._tag === "Success" ? decoded.success.map(({ data }) => data) : [], [text])
      assert.strictEqual(length, String(Buffer.byteLength(received)))
    })
  }

  it("half of a pair of surrogates arrives as the character that stands for it", async () => {
    const { length, text } = await read((connection) => connection.reply(200, `${long}\ud800`))
    assert.strictEqual(text, `${long}\ufffd`)
    assert.strictEqual(length, String(long.length + 3))
  })

  it("JSON in chunks has the length that is known, and else none", async () => {
    const answer = (length?: number) => (connection: Connection) => {
      connection.beginJson(200, {}, length)
      connection.write(Buffer.from("{\"a\":"))
      connection.write(Buffer.from("1}"))
      connection.end()
    }
    assert.deepStrictEqual(await read(answer(7)), { length: "7", text: "{\"a\":1}" })
    assert.deepStrictEqual(await read(answer()), { length: null, text: "{\"a\":1}" })
  })
})
