/** The official clients of both packages, as an agent would run them, behind one face. */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio"
import { Client as SdkClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as SdkTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ToolListChangedNotificationSchema
} from "@modelcontextprotocol/sdk/types.js"
import { Effect, type Scope } from "effect"
import { CallFailed, type CallOptions, type CallResult, type ListedTool } from "./ClientCall.ts"
import { Heard } from "./Heard.ts"
import { stdioCommand } from "./stdioCommand.ts"
import { watchedFetch, type Wire } from "./Wire.ts"

export interface AgentClient {
  readonly tools: Effect.Effect<ReadonlyArray<ListedTool>, CallFailed>
  readonly toolNames: Effect.Effect<ReadonlyArray<string>, CallFailed>
  readonly call: (
    tool: string,
    args?: Record<string, unknown>,
    options?: CallOptions
  ) => Effect.Effect<CallResult, CallFailed>
  readonly ping: Effect.Effect<void, CallFailed>
  readonly prompts: Effect.Effect<unknown, CallFailed>
  readonly prompt: (name: string, args: Record<string, string>) => Effect.Effect<unknown, CallFailed>
  readonly resources: Effect.Effect<unknown, CallFailed>
  readonly resource: (uri: string) => Effect.Effect<unknown, CallFailed>
  /** Of a prompt's argument. */
  readonly complete: (prompt: string, name: string, value: string) => Effect.Effect<unknown, CallFailed>
  readonly sessionId: Effect.Effect<string | undefined>
  /** What went over the wire; `initializes` above 1 means that the client reconnected. */
  readonly wire: Wire
  /** How many list_changed notifications for tools came. */
  readonly listChanged: Effect.Effect<number>
  /** Done once at least `count` of them came. */
  readonly awaitListChanged: (count?: number) => Effect.Effect<void>
  readonly logged: Effect.Effect<ReadonlyArray<unknown>>
  readonly close: Effect.Effect<void>
}

export interface ConnectOptions {
  readonly secret?: string | undefined
  /** The `clientInfo.name`. */
  readonly name?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Only for `client` 2.4: negotiate the modern era where the server speaks it, or speak nothing else. */
  readonly modern?: boolean | "pinned"
  /** Only for `client` 2.4: by way of `holdfast stdio` on this data directory, in the place of HTTP. */
  readonly stdio?: string
  /** Answers whatever the server asks, and in a session wants every log message. */
  readonly obliging?: boolean
  /** Told of each question before it is answered, which waits for it. */
  readonly onQuestion?: (method: string) => Promise<void> | void
}

type Connect = (url: string, options?: ConnectOptions) => Effect.Effect<AgentClient, CallFailed, Scope.Scope>

const obligingCapabilities = { elicitation: { form: {} }, sampling: {}, roots: {} }
const answers = ({ onQuestion = () => {} }: ConnectOptions) => ({
  form: async () => {
    await onQuestion("elicitation/create")
    return { action: "accept" as const, content: { yes: true } }
  },
  model: async () => {
    await onQuestion("sampling/createMessage")
    return { role: "assistant" as const, model: "none", content: { type: "text" as const, text: "a model's words" } }
  },
  folders: async () => {
    await onQuestion("roots/list")
    return { roots: [{ uri: "file:///work", name: "a folder" }] }
  }
})

const headersOf = (options: ConnectOptions) => ({
  ...options.headers,
  ...(options.secret === undefined ? {} : { authorization: `Bearer ${options.secret}` })
})

const attempt = <A>(run: (signal: AbortSignal) => Promise<A>) => Effect.tryPromise({ try: run, catch: CallFailed.from })

const face = (
  client: {
    listTools(): Promise<{ readonly tools: ReadonlyArray<ListedTool> }>
    ping(): Promise<unknown>
    listPrompts(): Promise<unknown>
    getPrompt(params: { name: string; arguments: Record<string, string> }): Promise<unknown>
    listResources(): Promise<unknown>
    readResource(params: { uri: string }): Promise<unknown>
    complete(
      params: { ref: { type: "ref/prompt"; name: string }; argument: { name: string; value: string } }
    ): Promise<unknown>
    close(): Promise<void>
  },
  transport: { readonly sessionId?: string | undefined },
  call: AgentClient["call"],
  wire: Wire,
  heard: Heard
): AgentClient => {
  const tools = Effect.map(attempt(() => client.listTools()), (listed) => listed.tools)
  return {
    tools,
    toolNames: Effect.map(tools, (all) => all.map((tool) => tool.name)),
    call,
    ping: Effect.asVoid(attempt(() => client.ping())),
    prompts: attempt(() => client.listPrompts()),
    prompt: (name, args) => attempt(() => client.getPrompt({ name, arguments: args })),
    resources: attempt(() => client.listResources()),
    resource: (uri) => attempt(() => client.readResource({ uri })),
    complete: (prompt, name, value) =>
      attempt(() => client.complete({ ref: { type: "ref/prompt", name: prompt }, argument: { name, value } })),
    sessionId: Effect.sync(() => transport.sessionId),
    wire,
    listChanged: Effect.sync(() => heard.listChanged),
    awaitListChanged: heard.awaitListChanged,
    logged: Effect.sync(() => heard.logged),
    close: Effect.promise(() => client.close())
  }
}

const connectSdk: Connect = Effect.fnUntraced(function*(url, options = {}) {
  const { fetch, wire } = watchedFetch()
  const heard = new Heard()
  const transport = new SdkTransport(new URL(url), { fetch, requestInit: { headers: headersOf(options) } })
  const capabilities = options.obliging === true ? obligingCapabilities : {}
  const client = new SdkClient({ name: options.name ?? "sdk-1", version: "1.0.0" }, { capabilities })
  if (options.obliging === true) {
    const { folders, form, model } = answers(options)
    client.setRequestHandler(ElicitRequestSchema, form)
    client.setRequestHandler(CreateMessageRequestSchema, model)
    client.setRequestHandler(ListRootsRequestSchema, folders)
  }
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => heard.changed())
  client.setNotificationHandler(LoggingMessageNotificationSchema, (message) => {
    heard.logged.push(message.params.data)
  })
  yield* Effect.acquireRelease(
    // The SDK's own types are not written for exactOptionalPropertyTypes.
    attempt(async () => {
      await client.connect(transport as Parameters<typeof client.connect>[0])
      if (options.obliging === true) await client.setLoggingLevel("debug")
    }),
    () => Effect.promise(() => client.close().catch(() => {}))
  )
  return face(
    client,
    transport,
    (name, args = {}, { meta, onProgress, ...bounds } = {}) =>
      attempt((signal) =>
        client.callTool({ name, arguments: args, ...(meta === undefined ? {} : { _meta: meta }) }, undefined, {
          signal,
          ...bounds,
          ...(onProgress === undefined ? {} : { onprogress: onProgress })
        })
      ),
    wire,
    heard
  )
})

const connectClient: Connect = Effect.fnUntraced(function*(url, options = {}) {
  const { fetch, wire } = watchedFetch()
  const heard = new Heard()
  const transport = options.stdio === undefined
    ? new StreamableHTTPClientTransport(new URL(url), { fetch, requestInit: { headers: headersOf(options) } })
    : Object.assign(new StdioClientTransport({ ...stdioCommand(options.stdio), stderr: "inherit" }), {
      sessionId: undefined
    })
  const { modern = false, obliging = false } = options
  const client = new Client({ name: options.name ?? "client-2", version: "1.0.0" }, {
    capabilities: obliging ? obligingCapabilities : {},
    versionNegotiation: { mode: modern === "pinned" ? { pin: "2026-07-28" } : modern ? "auto" : "legacy" }
  })
  if (obliging) {
    const { folders, form, model } = answers(options)
    client.setRequestHandler("elicitation/create", form)
    client.setRequestHandler("sampling/createMessage", model)
    client.setRequestHandler("roots/list", folders)
  }
  client.setNotificationHandler("notifications/tools/list_changed", () => heard.changed())
  client.setNotificationHandler("notifications/message", (message) => {
    heard.logged.push(message.params.data)
  })
  yield* Effect.acquireRelease(
    attempt(async () => {
      await client.connect(transport)
      if (obliging && client.getProtocolEra() === "legacy") await client.setLoggingLevel("debug")
      // As agents do that ask to be told of changes; a session is told without asking.
      if (modern !== false && client.getProtocolEra() === "modern") {
        await client.listen({ toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true })
      }
    }),
    () => Effect.promise(() => client.close().catch(() => {}))
  )
  return face(
    client,
    transport,
    (name, args = {}, { meta, onProgress, ...bounds } = {}) =>
      attempt((signal) =>
        client.callTool({ name, arguments: args, ...(meta === undefined ? {} : { _meta: meta }) }, {
          signal,
          ...bounds,
          ...(onProgress === undefined ? {} : { onprogress: onProgress })
        })
      ),
    wire,
    heard
  )
})

/** By the package's name, for `it.effect.each`. */
export const officialClients: ReadonlyArray<{ readonly client: string; readonly connect: Connect }> = [
  { client: "sdk 1.32", connect: connectSdk },
  { client: "client 2.4", connect: connectClient }
]

export const Clients = { sdk: connectSdk, client: connectClient }
