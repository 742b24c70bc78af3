/**
 * The agent of the pod's life: the official MCP client in a process of its own. A turn reads each message in its inbox
 * and answers it by the relay.
 *
 * `node podAgent.ts URL SECRETFILE`; orders come as lines of JSON on standard input, what happens goes to standard output.
 */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { readFileSync } from "node:fs"
import { createInterface } from "node:readline"

interface Order {
  /** Answers what is unread. */
  readonly turn?: true
  /** Sends a message of its own. */
  readonly say?: string
  /** Sees what there is to see. */
  readonly list?: true
}

const [url = "", secretFile = ""] = process.argv.slice(2)
const secret = readFileSync(secretFile, "utf8").trim()
const print = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`)

const client = new Client({ name: "pod-agent", version: "1.0.0" }, { versionNegotiation: { mode: "legacy" } })
client.setNotificationHandler(
  "notifications/message",
  ({ params }) => print({ told: params.logger, text: params.data })
)
await client.connect(
  new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { authorization: `Bearer ${secret}` } },
    reconnectionOptions: {
      initialReconnectionDelay: 200,
      maxReconnectionDelay: 1000,
      reconnectionDelayGrowFactor: 1.5,
      maxRetries: 100
    }
  })
)

const textsOf = ({ content }: { readonly content?: unknown }): ReadonlyArray<string> =>
  (content as ReadonlyArray<{ readonly text: string }>).map(({ text }) => text)

const inbox = async (args: Record<string, string>) =>
  textsOf(await client.callTool({ name: "read_inbox", arguments: args }))

const send = async (text: string) => {
  const { content, isError, structuredContent } = await client.callTool({
    name: "relay_send_message",
    arguments: { to: "operator", text }
  })
  if (isError === true) throw new Error(JSON.stringify(content))
  return { text, queued: (structuredContent as { readonly queued?: boolean } | undefined)?.queued === true }
}

const turn = async () => {
  const answered = []
  const [list = ""] = await inbox({})
  for (const [, id = ""] of list.matchAll(/^("(?:[^"\\]|\\.)*") from /gm)) {
    const [, body = ""] = await inbox({ id: JSON.parse(id) })
    answered.push(await send(`answer to: ${body}`))
  }
  return answered
}

const run = async (order: Order): Promise<object> => {
  if (order.turn === true) return { answered: await turn() }
  if (order.say !== undefined) return { answered: [await send(order.say)] }
  return { tools: (await client.listTools()).tools.map(({ name }) => name) }
}

createInterface({ input: process.stdin })
  .on(
    "line",
    (line) => void run(JSON.parse(line)).then(print, (cause) => print({ answered: [], failed: String(cause) }))
  )
  .on("close", () => process.exit(0))
print({ connected: true })
