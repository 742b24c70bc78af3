/**
 * Whether the daemon reaches a relay. Where it does not, we look around its URL from here: for the other scheme, for the transport of 2024-11-05, and for an MCP server
 * at the usual paths. Sends no token.
 */
import { type DateTime, Effect, Option, Stream } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { connect } from "node:tls"
import type { RelayView } from "../../admin/StatusView.ts"
import { shownUrl } from "../../domain/ShownUrl.ts"
import { otherScheme } from "../../relay/link/Diagnosis.ts"
import { knock } from "../../token/sources/RelayChallenge.ts"
import { formatAge } from "../print.ts"
import { type Check, ok, problem } from "./Check.ts"

export interface Finding {
  readonly found: string
  readonly remedy: string
}

const timeout = "3 seconds"

/** Whether TLS is spoken there; whose certificate it is does not matter here, since nothing is sent. */
const speaksTls = ({ hostname, port }: URL): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    const host = hostname.replace(/^\[|\]$/g, "")
    const socket = connect({ host, port: Number(port || 80), rejectUnauthorized: false })
    const done = (spoken: boolean) => {
      socket.destroy()
      resume(Effect.succeed(spoken))
    }
    socket.once("secureConnect", () => done(true)).once("error", () => done(false))
    return Effect.sync(() => socket.destroy())
  }).pipe(
    Effect.timeoutOption(timeout),
    Effect.map((spoken) => Option.contains(spoken, true))
  )

const asked = (url: URL) => Effect.option(Effect.timeout(knock(url), timeout))

/** A stream that begins by naming where to post (HTTP+SSE, 2024-11-05). */
const isOldSse = Effect.fnUntraced(function*(url: URL) {
  const client = HttpClient.withScope(yield* HttpClient.HttpClient)
  const start = yield* client.execute(
    HttpClientRequest.get(url).pipe(HttpClientRequest.setHeader("accept", "text/event-stream"))
  ).pipe(
    Effect.flatMap(({ headers, status, stream }) =>
      status === 200 && (headers["content-type"] ?? "").startsWith("text/event-stream")
        ? stream.pipe(Stream.decodeText(), Stream.take(1), Stream.mkString)
        : Effect.succeed("")
    ),
    Effect.timeout(timeout),
    Effect.orElseSucceed(() => "")
  )
  return /^event: ?endpoint\s*$/m.test(start)
}, Effect.scoped)

/** An answer that MCP's servers give to somebody whom they do not know. */
const isMcp = Effect.fnUntraced(function*(url: URL) {
  const answer = yield* asked(url)
  return Option.exists(answer, ({ challenge, contentType, status, text }) =>
    status < 300
      ? contentType === "text/event-stream" || contentType === "application/json"
      : status === 401 || challenge !== undefined || /"jsonrpc"\s*:/.test(text))
})

/** The usual paths, from the given one outwards. */
const beside = (url: URL): ReadonlyArray<URL> => {
  const stem = url.pathname.replace(/\/(sse|mcp)?\/?$/, "")
  const paths = new Set([`${stem}/mcp`, "/mcp", "/api/mcp", `${stem}/sse`, "/sse"])
  return [...paths].filter((path) => path !== url.pathname).map((path) => new URL(path, url))
}

const old = (url: URL): Finding => ({
  found: `${shownUrl(url)} speaks the old transport with two endpoints (HTTP+SSE, revision 2024-11-05)`,
  remedy: "Holdfast speaks Streamable HTTP: ask who runs the server for that endpoint, or have the server upgraded"
})

export const further = Effect.fn("further")(function*(
  url: URL
): Effect.fn.Return<Option.Option<Finding>, never, HttpClient.HttpClient> {
  // What there is to say of a socket's file, the daemon says with the link.
  if (url.protocol === "unix:") return Option.none()
  const answer = yield* asked(url)
  const other = otherScheme(url)
  if (Option.isNone(answer)) {
    const spoken = url.protocol === "http:" ? yield* speaksTls(url) : Option.isSome(yield* asked(other))
    const [from, to] = [url.protocol, other.protocol].map((scheme) => scheme.replace(":", ""))
    return spoken
      ? Option.some({ found: `it speaks ${to}, not ${from}`, remedy: `write its URL as ${shownUrl(other)}` })
      : Option.none()
  }
  if (answer.value.status >= 500) return Option.none()
  if (yield* isOldSse(url)) return Option.some(old(url))
  const around = yield* Effect.forEach(
    beside(url),
    (place) => Effect.map(isMcp(place), (mcp) => ({ place, mcp })),
    { concurrency: "unbounded" }
  )
  const mcp = around.find(({ mcp }) => mcp)?.place
  if (mcp !== undefined) {
    return Option.some({
      found: `an MCP server answers at ${shownUrl(mcp)}`,
      remedy: `write its URL as ${shownUrl(mcp)}`
    })
  }
  const sse = yield* Effect.findFirst(beside(url), isOldSse)
  return Option.map(sse, old)
})

const tryAgain = "Holdfast tries again by itself"

/** Whether the daemon reaches it; where not, what a look around from here brings. `at`: its URL with the query. */
export const relay = Effect.fnUntraced(function*(
  { id, link, url }: RelayView,
  now: DateTime.Utc,
  at: URL
): Effect.fn.Return<Check, never, HttpClient.HttpClient> {
  const name = `relay ${id}`
  if (link.state === "up") return ok(name, `${url} up for ${formatAge(now, link.since)}`)
  const found = `${url} down for ${formatAge(now, link.since)}, tried ${link.attempts} times, next in ${
    formatAge(link.nextProbeAt, now)
  }: ${link.why}`
  const seen = yield* further(at)
  if (Option.isSome(seen)) return problem(name, `${found}; ${seen.value.found}`, seen.value.remedy)
  return problem(name, found, `${link.hint ?? "look at the relay, its address and the network"}; ${tryAgain}`)
})
