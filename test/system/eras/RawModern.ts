/** The modern era by hand: every header and every byte as the test wants it. */
import { Effect } from "effect"
import type { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"

export const envelope = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "raw", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {}
}

export interface Said {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

const headersOf = (target: { readonly secret: string }, method: string, more: Record<string, string | undefined>) =>
  new Headers(
    Object.entries({
      authorization: `Bearer ${target.secret}`,
      accept: "application/json, text/event-stream",
      "content-type": "application/json",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...more
    }).flatMap(([name, value]): Array<[string, string]> => value === undefined ? [] : [[name, value]])
  )

/** The response as it comes; interruption closes it. */
export const open = (
  target: Pick<Daemon, "url" | "secret">,
  method: string,
  body: string,
  headers: Record<string, string | undefined> = {},
  signal?: AbortSignal
): Promise<Response> =>
  fetch(target.url, {
    method: "POST",
    headers: headersOf(target, method, headers),
    body,
    ...(signal === undefined ? {} : { signal })
  })

export const post = (
  target: Pick<Daemon, "url" | "secret">,
  method: string,
  body: string,
  headers: Record<string, string | undefined> = {}
): Effect.Effect<Said> =>
  Effect.promise(async (signal) => {
    const response = await open(target, method, body, headers, signal)
    return { status: response.status, headers: response.headers, text: await response.text() }
  })

export const request = (method: string, params: Record<string, unknown> = {}, id: number | string = 1): string =>
  JSON.stringify({ jsonrpc: "2.0", id, method, params: { _meta: envelope, ...params } })

/** The message of a JSON answer, or the last one of a stream. */
export const answerIn = ({ text }: Said): string => {
  const events = text.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice("data: ".length))
  return events.at(-1) ?? text
}

/** What a subscription to these notifications has heard so far; it has been acknowledged, under the id `listening`. */
export const listening = Effect.fnUntraced(function*(
  target: Pick<Daemon, "url" | "secret">,
  notifications: object,
  meta: object = envelope
) {
  let heard = ""
  yield* Effect.promise(async (signal) => {
    const body = request("subscriptions/listen", { notifications, _meta: meta }, "listening")
    const response = await open(target, "subscriptions/listen", body, {}, signal)
    for await (const chunk of response.body ?? []) heard += Buffer.from(chunk).toString()
  }).pipe(Effect.forkChild)
  const text = Effect.sync(() => heard)
  yield* eventually("the acknowledgement", text, (text) => text.includes("acknowledged"))
  return { heard: text }
})
