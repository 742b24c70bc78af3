/** A request as a browser would send it, each header in the test's hands. */
import { Effect } from "effect"
import { request } from "node:http"

export interface BrowserAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly text: string
}

export interface BrowserAsk {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: object
}

/** Of a page of this port, unless `headers` say otherwise. */
export const browserRequest = (
  port: number,
  { body, headers, method, path }: BrowserAsk
): Effect.Effect<BrowserAnswer> =>
  Effect.callback((resume) => {
    const verb = method ?? (body === undefined ? "GET" : "POST")
    const outgoing = request({
      host: "127.0.0.1",
      port,
      path,
      method: verb,
      agent: false,
      headers: {
        host: `127.0.0.1:${port}`,
        "sec-fetch-site": "same-origin",
        ...verb === "GET" ? {} : { origin: `http://127.0.0.1:${port}` },
        ...body === undefined ? {} : { "content-type": "application/json" },
        ...headers
      }
    }, async (response) => {
      let text = ""
      for await (const chunk of response) text += String(chunk)
      resume(Effect.succeed({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
    outgoing.on("error", (error) => resume(Effect.die(error)))
    outgoing.end(body === undefined ? undefined : JSON.stringify(body))
  })
