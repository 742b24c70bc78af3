/** Answers that a relay gives on bad days, in place of its own. */

export type Answer =
  & {
    /** The request is carried out first, and only its answer is replaced. */
    readonly carriedOut: boolean
  }
  & (
    | {
      readonly kind: "http"
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
      /** `$ID` stands for the request's JSON-RPC id. */
      readonly body: string
    }
    /** Half of the real answer; then the stream ends, or the connection breaks. */
    | { readonly kind: "half"; readonly end: "clean" | "broken" }
    /** The connection breaks without a byte. */
    | { readonly kind: "reset" }
    /** Nothing more is ever sent, with the headers out or not. */
    | { readonly kind: "silence"; readonly headers: boolean }
  )

/** Which requests an answer is for; all of them, without. */
export interface AnswerMatch {
  readonly verb?: string
  readonly rpcMethod?: string
  readonly tool?: string
}

export const http = (status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer => ({
  kind: "http",
  carriedOut: false,
  status,
  body,
  headers: { "content-type": "application/json", ...headers }
})

const page = (status: number, title: string): Answer =>
  http(status, `<!doctype html><html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>`, {
    "content-type": "text/html; charset=utf-8"
  })

/** A JSON-RPC error to the request's own id. */
export const rpcError = (code: number, message: string, status = 200): Answer =>
  http(status, `{"jsonrpc":"2.0","id":$ID,"error":{"code":${code},"message":${JSON.stringify(message)}}}`)

export const deployPage = page(404, "Application not found")
export const wafPage = page(403, "Request blocked")
export const portalPage = page(200, "Sign in to the network")
export const badGateway = page(502, "Bad Gateway")
export const unavailable = page(503, "Service Unavailable")
export const gatewayTimeout = page(504, "Gateway Timeout")
export const internalError = rpcError(-32603, "Internal error", 500)
export const inProgress = rpcError(-32000, "A write with this key is in progress", 409)
export const forbidden = rpcError(-32000, "Forbidden: this token may not do that", 403)
export const garbage = http(200, "{\"jsonrpc\":\"2.0\",\"id\":$ID,\"resu")
export const reset: Answer = { kind: "reset", carriedOut: false }
export const half = (end: "clean" | "broken"): Answer => ({ kind: "half", end, carriedOut: true })
export const silence = (headers: boolean): Answer => ({ kind: "silence", headers, carriedOut: false })

/** `retryAfter` in seconds, or an HTTP date. */
export const tooManyRequests = (retryAfter: number | string): Answer =>
  http(429, "{\"error\":\"slow down\"}", { "retry-after": String(retryAfter) })

/** The same in JSON-RPC, under the request's id or, as a gateway says it, under none. */
export const rateLimited = (retryAfter: number, id: "$ID" | "null"): Answer =>
  http(429, `{"jsonrpc":"2.0","id":${id},"error":{"code":-32029,"message":"3 calls a second","data":{"limit":3}}}`, {
    "retry-after": String(retryAfter)
  })

export const redirect = (location: string): Answer => http(307, "", { location })

/** The same answer, after the request was carried out. */
export const afterwards = (answer: Answer): Answer => ({ ...answer, carriedOut: true })
