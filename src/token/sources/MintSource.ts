/** An HTTP endpoint that mints tokens: asked as configured, its answer read by the configured names. */
import { Effect, FileSystem, Predicate, Redacted, Stream } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { createHash } from "node:crypto"
import { mintPresets, type MintSettings } from "../../config/TokenSettings.ts"
import { failureOf } from "./SourceProblem.ts"
import * as Template from "./Template.ts"
import * as TokenAnswer from "./TokenAnswer.ts"
import * as TokenHttp from "./TokenHttp.ts"
import type { TokenSource } from "./TokenSource.ts"

type Mint = Exclude<MintSettings, string>

const complete = (settings: MintSettings) => {
  const mint: Mint = Predicate.isString(settings) ? { url: settings } : settings
  if (mint.preset === undefined) return { ...mint, url: mint.url ?? "" }
  const preset = mintPresets[mint.preset]
  return {
    ...mint,
    url: mint.url ?? preset.url,
    headers: { ...preset.headers, ...mint.headers },
    fields: { ...preset.fields, ...mint.fields }
  }
}

/** The host and path as configured; whom it mints for, which a query may say, is told by a digest. */
const placeIn = (template: string): string => template.split(/[?#]/)[0] ?? template

export const make = Effect.fnUntraced(function*(settings: MintSettings, agent: string) {
  const context = yield* Effect.context<FileSystem.FileSystem | HttpClient.HttpClient>()
  const mint = complete(settings)
  const name = `url:${placeIn(mint.url)}`

  const fetch = Effect.gen(function*() {
    const url = yield* Effect.flatMap(Template.resolve(mint.url, agent, encodeURIComponent), TokenHttp.safeUrl)
    const headers = yield* Effect.forEach(
      Object.entries(mint.headers ?? {}),
      ([header, value]) =>
        Effect.map(Template.resolve(Redacted.value(value), agent), (text) => [header.toLowerCase(), text] as const)
    )
    const body = mint.body === undefined ? undefined : yield* Template.resolve(Redacted.value(mint.body), agent)
    const contentType = headers.find(([header]) => header === "content-type")?.[1] ?? "application/json"
    const request = HttpClientRequest.make(mint.method ?? "GET")(url).pipe(
      HttpClientRequest.setHeader("accept", "application/json"),
      HttpClientRequest.setHeaders(headers),
      (request) => body === undefined ? request : HttpClientRequest.bodyText(request, body, contentType)
    )
    const answer = yield* TokenHttp.send(request)
    if (answer.status < 200 || answer.status > 299) {
      const sent = [...headers.flatMap(([, value]) => [value, value.replace(/^\S+ /, "")]), body ?? ""]
      return yield* failureOf(answer, [...sent, ...url.searchParams.values()])
    }
    return yield* TokenAnswer.read(answer.text, {
      source: `${name}#${createHash("sha256").update(url.href).digest("hex").slice(0, 16)}`,
      fields: mint.fields,
      bare: answer.contentType === "text/plain"
    })
  }).pipe(Effect.provideContext(context))

  return { name, fetch, changes: Stream.empty } satisfies TokenSource
})
