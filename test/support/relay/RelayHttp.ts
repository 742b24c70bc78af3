/** The HTTP side of the test relay: what came is recorded, tokens are checked, bad days are acted out. */
import type { AuthInfo } from "@modelcontextprotocol/server"
import { appendFileSync } from "node:fs"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Answer, AnswerMatch } from "./Answer.ts"
import type { RelayEndpoint } from "./RelayEndpoint.ts"
import type { RelayState } from "./RelayState.ts"

/** One HTTP request as the relay received it. */
export interface SeenRequest {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly verb: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: string
  readonly rpcMethod?: string | undefined
  readonly tool?: string | undefined
}

export class RelayHttp {
  readonly #state: RelayState
  readonly #endpoint: RelayEndpoint
  #answers: Array<{ count: number; readonly answer: Answer; readonly match: AnswerMatch }> = []

  constructor(state: RelayState, endpoint: RelayEndpoint) {
    this.#state = state
    this.#endpoint = endpoint
  }

  answerNext(count: number, answer: Answer, match: AnswerMatch): void {
    this.#answers.push({ count, answer, match })
  }

  answerAsUsual(): void {
    this.#answers = []
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Array<Buffer> = []
    for await (const chunk of req) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString("utf8")
    const seen = { ...look(req, body), body }
    appendFileSync(this.#state.config.requestsFile, `${JSON.stringify(seen)}\n`)
    const answer = this.#take(seen)
    if (answer !== undefined && !answer.carriedOut) return act(answer, seen, res, undefined)
    const response = await this.#serve(req, res, seen)
    if (answer !== undefined) return act(answer, seen, res, await response.text())
    return this.#write(response, res)
  }

  #take(seen: SeenRequest): Answer | undefined {
    const next = this.#answers.find(({ match }) =>
      (match.verb ?? seen.verb) === seen.verb && (match.rpcMethod ?? seen.rpcMethod) === seen.rpcMethod
      && (match.tool ?? seen.tool) === seen.tool
    )
    if (next === undefined) return undefined
    if (--next.count <= 0) this.#answers = this.#answers.filter((other) => other !== next)
    return next.answer
  }

  async #serve(req: IncomingMessage, res: ServerResponse, seen: SeenRequest): Promise<Response> {
    const origin = `http://${req.headers.host ?? "127.0.0.1"}`
    if (!seen.path.startsWith("/mcp")) return Response.json({ error: "not found" }, { status: 404 })
    const authInfo = this.#authorize(req)
    if (authInfo === undefined) {
      const metadata = `${origin}/.well-known/oauth-protected-resource`
      return Response.json({ error: "invalid_token", error_description: "The token is not accepted" }, {
        status: 401,
        headers: { "www-authenticate": `Bearer error="invalid_token", resource_metadata="${metadata}"` }
      })
    }
    const gone = new AbortController()
    res.on("close", () => gone.abort())
    const request = new Request(new URL(seen.path, origin), {
      method: seen.verb,
      headers: Object.entries(req.headersDistinct).flatMap(([name, values]) =>
        (values ?? []).map((value): [string, string] => [name, value])
      ),
      signal: gone.signal,
      ...(seen.body === "" ? {} : { body: seen.body })
    })
    return this.#endpoint.fetch(request, { authInfo })
  }

  #authorize(req: IncomingMessage): AuthInfo | undefined {
    const token = /^Bearer (.+)$/i.exec(req.headers.authorization ?? "")?.[1] ?? ""
    if (this.#state.tokens === undefined) return { token, clientId: "anonymous", scopes: ["*"] }
    const grant = this.#state.tokens[token]
    return grant === undefined ? undefined : { token, clientId: grant.agent, scopes: [...(grant.scopes ?? ["*"])] }
  }

  async #write(response: Response, res: ServerResponse): Promise<void> {
    res.writeHead(response.status, Object.fromEntries(response.headers))
    if (response.body === null) return void res.end()
    if (!this.#state.config.lateHeaders) res.flushHeaders()
    const reader = response.body.getReader()
    const cancel = () => void reader.cancel().catch(() => {})
    res.on("close", cancel)
    if (res.destroyed) cancel()
    this.#state.streams++
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        if (!res.write(next.value)) await new Promise((go) => res.once("drain", go).once("close", go))
      }
    } finally {
      this.#state.streams--
      res.end()
    }
  }
}

const look = (req: IncomingMessage, body: string): Omit<SeenRequest, "body"> => {
  const seen = { at: Date.now(), verb: req.method ?? "", path: req.url ?? "", headers: req.headers }
  try {
    const message: { readonly method?: string; readonly params?: { readonly name?: string } } = JSON.parse(body)
    return {
      ...seen,
      rpcMethod: message.method,
      tool: message.method === "tools/call" ? message.params?.name : undefined
    }
  } catch {
    return seen
  }
}

const idIn = (body: string): string => {
  try {
    const message: { readonly id?: unknown } = JSON.parse(body)
    return JSON.stringify(message.id ?? null)
  } catch {
    return "null"
  }
}

const act = (answer: Answer, seen: SeenRequest, res: ServerResponse, real: string | undefined): void => {
  switch (answer.kind) {
    case "http":
      res.writeHead(answer.status, answer.headers)
      return void res.end(answer.body.replaceAll("$ID", () => idIn(seen.body)))
    case "half": {
      const whole = real ?? "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}\n\n"
      const type = whole.startsWith("{") ? "application/json" : "text/event-stream"
      res.writeHead(200, { "content-type": type })
      const half = whole.slice(0, Math.floor(whole.length / 2))
      return void (answer.end === "clean" ? res.end(half) : res.write(half, () => res.destroy()))
    }
    case "reset":
      return void res.socket?.resetAndDestroy()
    case "silence":
      if (answer.headers) res.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders()
  }
}
