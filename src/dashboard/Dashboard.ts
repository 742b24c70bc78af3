/**
 * Serves the dashboard: a page that is the same for everybody, and holds nothing (BEHAVIOUR 11). What it shows it asks of
 * the admin API, once its browser is signed in. Nothing of it is loaded before a browser asks.
 */
import { Effect, Layer } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { ExtraRoutes } from "../mcp/http/ExtraRoutes.ts"

export interface PageFile {
  readonly type: string
  readonly text: string
}

/** By path. */
export type PageFiles = Readonly<Record<string, PageFile>>

/**
 * Only what this port serves is loaded, and nothing may be made to run beside it. Nobody may frame the page or learn from
 * it where its reader came from.
 */
const headers = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'"
  ].join("; "),
  "cache-control": "no-store",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY"
}

const reply = (response: ServerResponse, status: number, { text, type }: PageFile, more: object = {}): void => {
  response.writeHead(status, {
    ...headers,
    ...more,
    "content-type": `${type}; charset=utf-8`,
    "content-length": Buffer.byteLength(text)
  })
  response.end(response.req.method === "HEAD" ? undefined : text)
}

const plain = (text: string): PageFile => ({ type: "text/plain", text: `${text}\n` })

const serve = (files: PageFiles, { method, url = "" }: IncomingMessage, response: ServerResponse): void => {
  if (method !== "GET" && method !== "HEAD") {
    return reply(response, 405, plain("use GET"), { allow: "GET, HEAD" })
  }
  const [path = ""] = url.split("?", 1)
  const file = Object.hasOwn(files, path) ? files[path] : undefined
  return file === undefined
    ? reply(response, 404, plain("the dashboard has no such file"))
    : reply(response, 200, file)
}

export const layer = Layer.effectDiscard(Effect.gen(function*() {
  const { mount } = yield* ExtraRoutes
  const log = Effect.runForkWith(yield* Effect.context())

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    import("./pageFiles.ts").then(({ pageFiles }) => pageFiles()).then(
      (files) => serve(files, request, response),
      (cause: unknown) => {
        log(Effect.logError("the dashboard cannot be served", { why: String(cause) }))
        reply(response, 500, plain("the dashboard cannot be served; Holdfast's log says why"))
      }
    )
  }

  yield* mount("/", handle)
  yield* mount("/dashboard", handle)
}))
