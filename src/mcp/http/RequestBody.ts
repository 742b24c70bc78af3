/** Reads a request's body as text, and keeps the bytes of a long one. */
import { isUtf8 } from "node:buffer"
import type { IncomingMessage } from "node:http"
import { codes } from "../../domain/JsonRpcError.ts"
import { type Refusal, refusal } from "./Refusal.ts"

const tooLarge = (maxBytes: number): Refusal =>
  refusal(413, `the body is larger than ${maxBytes} bytes; send less, or raise listen.maxBody`)

export interface Body {
  readonly text: string
  /** As they came, where they are many: who sends the text on need not encode it again. */
  readonly bytes: Uint8Array | undefined
}

/** Fewer are a part of what was read from the socket, and would hold all of that. */
const minKept = 16 * 1024

/**
 * Calls `done` once, with at most `maxBytes` of UTF-8: 413 beyond, 400 for other bytes. A body that is refused is still
 * drained, so that the client reads the refusal and not a broken connection; the server's request timeout bounds that,
 * as it bounds the wait. Of a connection that breaks before the body's end nothing is heard.
 */
export const readBody = (request: IncomingMessage, maxBytes: number, done: (body: Body | Refusal) => void): void => {
  const chunks: Array<Buffer> = []
  let size = 0
  let refused = false

  const refuse = () => {
    refused = true
    done(tooLarge(maxBytes))
  }
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) refuse()
  const onData = (chunk: Buffer) => {
    size += chunk.length
    if (refused) return
    if (size > maxBytes) return refuse()
    chunks.push(chunk)
  }
  request.on("data", onData)
  request.once("end", () => {
    // Node holds a connection's last request until the next one, and it would hold whoever waits for its body.
    request.off("data", onData)
    if (refused) return
    const body = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
    done(
      isUtf8(body)
        ? { text: body.toString("utf8"), bytes: body.length < minKept ? undefined : body }
        : refusal(400, "the body is not UTF-8; encode the JSON as UTF-8", { code: codes.parse })
    )
  })
}

// What a request says of media types: its Content-Type, and what its Accept allows (RFC 9110, sections 8.3 and 12.5).

const essence = (text: string): string => (text.split(";", 1)[0] ?? "").trim().toLowerCase()

/** JSON, in UTF-8 where a charset is named. */
export const isJson = (contentType: string | undefined): boolean => {
  if (contentType === "application/json") return true
  if (contentType === undefined || essence(contentType) !== "application/json") return false
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType)?.[1]
  return charset === undefined || /^utf-?8$/i.test(charset)
}

/** What the official clients send. */
const usual = "application/json, text/event-stream"
const usualTypes: ReadonlySet<string> = new Set(["application/json", "text/event-stream"])

/** Whether the `Accept` header names `type`, itself or by a wildcard, and not with a weight of zero. */
export const accepts = (accept: string | undefined, type: `${string}/${string}`): boolean => {
  if (accept === undefined) return false
  if (accept === usual) return usualTypes.has(type)
  const wildcard = `${type.slice(0, type.indexOf("/"))}/*`
  return accept.split(",").some((range) =>
    [type, wildcard, "*/*"].includes(essence(range)) && !/;\s*q=0(\.0*)?\s*(;|$)/i.test(range)
  )
}
