/**
 * An agent as a process: makes the calls that its argument lists, and makes a call again, by the same id of its own, until
 * it has the result. It prints each result as a line of JSON, and dies with its parent.
 */
import { request } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import "../dieWithParent.ts"

interface Given {
  readonly port: number
  readonly secret: string
  readonly calls: ReadonlyArray<{ readonly id: string; readonly tool: string; readonly arguments: object }>
}

interface Answer {
  readonly result?: {
    readonly content?: ReadonlyArray<{ readonly text?: string }>
    readonly structuredContent?: { readonly queued?: boolean }
  }
}

const { calls, port, secret }: Given = JSON.parse(process.argv[2] ?? "{}")
let lastId = 0

const post = (message: object, session?: string): Promise<{ readonly text: string; readonly session: string }> =>
  new Promise((resolve, reject) => {
    const outgoing = request({
      host: "127.0.0.1",
      port,
      path: "/mcp",
      method: "POST",
      agent: false,
      headers: {
        authorization: `Bearer ${secret}`,
        accept: "application/json, text/event-stream",
        "content-type": "application/json",
        ...(session === undefined ? {} : { "mcp-session-id": session })
      }
    }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => text += chunk)
      response.on("error", reject).on("end", () =>
        response.complete
          ? resolve({ text, session: String(response.headers["mcp-session-id"] ?? "") })
          : reject(new Error("cut off")))
    })
    outgoing.on("error", reject)
    outgoing.end(JSON.stringify({ jsonrpc: "2.0", ...message }))
  })

const untilHeard = async <A>(attempt: () => Promise<A | undefined>): Promise<A> => {
  while (true) {
    const heard = await attempt().catch(() => undefined)
    if (heard !== undefined) return heard
    await sleep(500)
  }
}

const { session } = await untilHeard(() =>
  post({
    id: ++lastId,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "long", version: "1" } }
  })
)
await untilHeard(() => post({ method: "notifications/initialized" }, session))
await untilHeard(() => post({ id: ++lastId, method: "tools/list" }, session))

const answerIn = (text: string): Answer => {
  const events = text.split("\n").filter((line) => line.startsWith("data: {")).map((line) => line.slice(6))
  return JSON.parse(events.at(-1) ?? text)
}

process.stdout.write(`${JSON.stringify({ ready: true })}\n`)
await Promise.all(calls.map(async ({ arguments: args, id, tool }) => {
  const params = { name: tool, arguments: args, _meta: { "claudecode/toolUseId": id } }
  const text = await untilHeard(async () => {
    const { result } = answerIn((await post({ id: ++lastId, method: "tools/call", params }, session)).text)
    return result?.structuredContent?.queued === true ? undefined : result?.content?.[0]?.text
  })
  process.stdout.write(`${JSON.stringify({ id, text })}\n`)
}))
