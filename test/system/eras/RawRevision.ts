/** A client of an old revision, which no official package speaks any more, behind the face of the official ones. */
import { Effect, type Scope } from "effect"
import { CallFailed, type CallOptions, type CallResult } from "../../support/ClientCall.ts"
import type { AgentClient } from "../../support/Clients.ts"
import { eventually } from "../../support/eventually.ts"
import { sseLines } from "../../support/sseLines.ts"

interface Message {
  readonly id?: number | string
  readonly method?: string
  readonly params?: { readonly progress: number; readonly data?: unknown }
  readonly result?: Record<string, unknown>
  readonly error?: { readonly code: number; readonly message: string }
}

export type MatrixClient = Pick<
  AgentClient,
  "toolNames" | "call" | "prompt" | "resource" | "complete" | "logged" | "awaitListChanged"
>

const answers: Readonly<Record<string, object>> = {
  "elicitation/create": { action: "accept", content: { yes: true } },
  "sampling/createMessage": { role: "assistant", model: "none", content: { type: "text", text: "a model's words" } },
  "roots/list": { roots: [{ uri: "file:///work", name: "a folder" }] }
}

const attempt = <A>(run: (signal: AbortSignal) => Promise<A>) => Effect.tryPromise({ try: run, catch: CallFailed.from })

/** Messages of a JSON or SSE body as they come. */
const read = async (response: Response, on: (message: Message) => void): Promise<void> => {
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true
  let text = ""
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString()
    const end = isStream ? text.lastIndexOf("\n\n") : -1
    if (end < 0) continue
    for (const { data } of sseLines(text.slice(0, end))) if (data) on(JSON.parse(data))
    text = text.slice(end + 2)
  }
  if (!isStream && text !== "") on(JSON.parse(text))
}

export const rawRevision = (url: string, secret: string, version: string): Effect.Effect<
  MatrixClient,
  CallFailed,
  Scope.Scope
> =>
  Effect.gen(function*() {
    const headers: Record<string, string> = {
      authorization: `Bearer ${secret}`,
      accept: "application/json, text/event-stream",
      "content-type": "application/json"
    }
    const heard = { listChanged: 0, logged: new Array<unknown>() }
    let ids = 0

    const post = (message: object, signal: AbortSignal) =>
      fetch(url, { method: "POST", headers, body: JSON.stringify({ jsonrpc: "2.0", ...message }), signal })

    const listen = (message: Message, signal: AbortSignal) => {
      if (message.method === "notifications/message") heard.logged.push(message.params?.data)
      if (message.method === "notifications/tools/list_changed") heard.listChanged++
      const result = answers[message.method ?? ""]
      if (result !== undefined) void post({ id: message.id, result }, signal)
    }

    const ask = async (
      signal: AbortSignal,
      method: string,
      params: object,
      on: (message: Message) => void = () => {}
    ) => {
      const id = ++ids
      const response = await post({ id, method, params }, signal)
      let answer: Message = {}
      await read(response, (message) => {
        if (message.method === undefined && message.id === id) answer = message
        on(message)
        listen(message, signal)
      })
      if (answer.error !== undefined) throw Object.assign(new Error(answer.error.message), { code: answer.error.code })
      if (answer.result === undefined) throw new Error(`no answer to ${method}`)
      return { result: answer.result, response }
    }
    const request = (method: string, params: object) =>
      attempt(async (signal) => (await ask(signal, method, params)).result)

    yield* attempt(async (signal) => {
      const clientInfo = { name: `raw-${version}`, version: "1" }
      const capabilities = { roots: {}, sampling: {}, ...(version >= "2025-06-18" ? { elicitation: {} } : {}) }
      const { response } = await ask(signal, "initialize", { protocolVersion: version, capabilities, clientInfo })
      headers["mcp-session-id"] = response.headers.get("mcp-session-id") ?? ""
      if (version >= "2025-06-18") headers["mcp-protocol-version"] = version
      await post({ method: "notifications/initialized" }, signal)
      await ask(signal, "logging/setLevel", { level: "debug" })
    })
    const closing = new AbortController()
    yield* Effect.addFinalizer(() => Effect.sync(() => closing.abort()))
    const stream = yield* attempt(() => fetch(url, { headers, signal: closing.signal }))
    void read(stream, (message) => listen(message, closing.signal)).catch(() => {})

    return {
      toolNames: Effect.map(request("tools/list", {}), ({ tools }) =>
        Array.isArray(tools) ? tools.map(({ name }) => String(name)) : []),
      call: (name: string, args = {}, { onProgress }: CallOptions = {}) =>
        attempt(async (signal): Promise<CallResult> => {
          const params = {
            name,
            arguments: args,
            ...(onProgress === undefined ? {} : { _meta: { progressToken: "p" } })
          }
          const { result } = await ask(signal, "tools/call", params, ({ method, params }) => {
            if (method === "notifications/progress" && params !== undefined) {
              onProgress?.(params)
            }
          })
          return result
        }),
      prompt: (name, args) =>
        request("prompts/get", { name, arguments: args }),
      resource: (uri) => request("resources/read", { uri }),
      complete: (prompt, name, value) =>
        request("completion/complete", { ref: { type: "ref/prompt", name: prompt }, argument: { name, value } }),
      logged: Effect.sync(() => heard.logged),
      awaitListChanged: (count = 1) =>
        Effect.asVoid(Effect.orDie(
          eventually("list_changed", Effect.sync(() => heard.listChanged), (heard) => heard >= count)
        ))
    }
  })
