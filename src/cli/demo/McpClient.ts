/** As much of an MCP client as the demonstration needs: a session, calls, a list (Streamable HTTP, 2025-11-25). */
import { Context, Effect, Layer, Option, Redacted, Schema } from "effect"
import { HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { CommandFailed } from "../Failures.ts"

const Answer = Schema.fromJsonString(Schema.Struct({
  id: Schema.optionalKey(Schema.Unknown),
  result: Schema.optionalKey(Schema.Unknown),
  error: Schema.optionalKey(Schema.Struct({ message: Schema.String }))
}))

const isStream = (response: HttpClientResponse.HttpClientResponse) =>
  (response.headers["content-type"] ?? "").startsWith("text/event-stream")

/** Whole messages: each is one line of JSON, behind `data:` where it came as an event. */
const messagesOf = (response: HttpClientResponse.HttpClientResponse, text: string): ReadonlyArray<string> =>
  isStream(response)
    ? text.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) => line.slice("data:".length).trim())
    : [text]

export class McpClient extends Context.Service<McpClient, {
  readonly request: (method: string, params: object) => Effect.Effect<unknown, CommandFailed>
}>()("holdfast/cli/demo/McpClient") {
  /** Opens one session, and keeps it whatever happens behind the endpoint. */
  static readonly layer = (url: string, secret: Redacted.Redacted) =>
    Layer.effect(
      McpClient,
      Effect.gen(function*() {
        const http = yield* HttpClient.HttpClient
        let session: string | undefined
        let ids = 0

        const post = (body: object) =>
          HttpClientRequest.post(url).pipe(
            HttpClientRequest.setHeaders({
              accept: "application/json, text/event-stream",
              ...session === undefined ? {} : { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" }
            }),
            HttpClientRequest.bearerToken(secret),
            HttpClientRequest.bodyJsonUnsafe({ jsonrpc: "2.0", ...body }),
            http.execute,
            Effect.mapError(() => new CommandFailed({ message: "cannot be reached" }))
          )

        const request = Effect.fn("McpClient.request")(function*(method: string, params: object) {
          const response = yield* post({ id: ++ids, method, params })
          session ??= response.headers["mcp-session-id"]
          const text = yield* Effect.orElseSucceed(response.text, () => "")
          const answer = messagesOf(response, text)
            .map((message) => Schema.decodeOption(Answer)(message))
            .filter(Option.isSome)
            .find(({ value }) => value.id === ids)?.value
          if (answer?.error === undefined && answer?.result !== undefined) return answer.result
          const said = [`HTTP ${response.status}`, answer?.error?.message ?? text].filter((part) => part !== "").join(
            ": "
          )
          return yield* new CommandFailed({ message: said })
        })

        yield* request("initialize", {
          protocolVersion: "2025-11-25",
          capabilities: {},
          clientInfo: { name: "holdfast-demo", version: "1" }
        })
        yield* post({ method: "notifications/initialized" })
        return McpClient.of({ request })
      })
    )
}
