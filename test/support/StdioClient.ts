/** An official client in front of `holdfast stdio`. */
import { Client } from "@modelcontextprotocol/client"
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio"
import { Effect } from "effect"
import { CallFailed } from "./ClientCall.ts"
import { stdioCommand } from "./stdioCommand.ts"

/** An official client over the bridge's standard input and output; how many list_changed it heard. */
export const stdioClient = Effect.fnUntraced(
  function*(dataDir: string, modern: boolean, env: Record<string, string> = {}) {
    const heard = { listChanged: 0 }
    const transport = new StdioClientTransport({ ...stdioCommand(dataDir, env), stderr: "inherit" })
    const client = new Client({ name: "stdio", version: "1" }, {
      versionNegotiation: { mode: modern ? "auto" : "legacy" }
    })
    client.setNotificationHandler("notifications/tools/list_changed", () => {
      heard.listChanged++
    })
    yield* Effect.acquireRelease(
      Effect.promise(async () => {
        await client.connect(transport)
        if (modern) await client.listen({ toolsListChanged: true })
      }),
      () => Effect.promise(() => client.close())
    )
    const call = (name: string, args: Record<string, unknown>) =>
      Effect.map(
        Effect.tryPromise({ try: () => client.callTool({ name, arguments: args }), catch: CallFailed.from }),
        (result) => JSON.stringify(result)
      )
    const names = Effect.promise(async () => (await client.listTools()).tools.map(({ name }) => name))
    return { heard, call, names, era: client.getProtocolEra() }
  }
)
