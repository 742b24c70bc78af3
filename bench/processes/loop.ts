/**
 * A bare loop of 8 callers with undici, straight at the relay, as many calls before to warm up. Arguments: the relay's URL,
 * calls. Prints calls a second.
 */
import { Agent } from "undici"
import { textOf } from "./CannedTools.ts"

const [url = "", calls = "1000"] = process.argv.slice(2)
const { origin, pathname } = new URL(url)
const agent = new Agent({ connections: 8, pipelining: 1 })
let begun = 0

const loop = async (lane: number, end: number) => {
  while (begun < end) {
    begun += 1
    const id = begun
    const answer = await agent.request({
      origin,
      path: pathname,
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id,
        method: "tools/call",
        params: { name: "relay_send_message", arguments: { to: `loop ${lane}`, text: textOf("small") } }
      })
    })
    const message = JSON.parse(await answer.body.text())
    if (message.id !== id || message.result === undefined) throw new Error(JSON.stringify(message))
  }
}

const loops = (end: number) => Promise.all(Array.from({ length: 8 }, (_, lane) => loop(lane, end)))

await loops(Number(calls))
const start = performance.now()
await loops(2 * Number(calls))
process.stdout.write(String(Number(calls) / ((performance.now() - start) / 1000)))
await agent.close()
