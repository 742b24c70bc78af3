/**
 * One attempt at the relay. It sends, classifies what came back, and repeats nothing; but for a proof that lacked the
 * relay's nonce, which is part of that protocol.
 *
 * Every request to a relay goes through here, so the token is added in one place, `Host` and `Origin` are the relay's,
 * and redirects are not followed.
 */
import { NodeFileSystem } from "@effect/platform-node"
import { Clock, Context, Duration, Effect, Exit, Layer, Option, Redacted, Scope } from "effect"
import { Pool } from "undici"
import { fault, own } from "../../config/RelayHeaders.ts"
import { RelayTarget, Settings } from "../../config/Settings.ts"
import { isLoopback } from "../../domain/Authority.ts"
import type { ProofKey } from "../../token/sources/ProofKey.ts"
import { resolve } from "../../token/sources/Template.ts"
import { ConnectFailed, RelayFailure } from "../RelayFailure.ts"
import { classify } from "./Classification.ts"
import { HttpExchange, type ResponseHead } from "./HttpExchange.ts"
import type { Attempt, RelayAnswer } from "./RelayAnswer.ts"
import { header } from "./ResponseHeaders.ts"

export type { Attempt, RelayAnswer, RelayBody } from "./RelayAnswer.ts"

export class RelayTransport extends Context.Service<RelayTransport, {
  /**
   * Closing the scope aborts the attempt, and `attempt.watch` ends its waits. Connect is bounded by 5 s; nothing else is:
   * that is the caller's.
   */
  readonly send: (attempt: Attempt) => Effect.Effect<RelayAnswer, RelayFailure, Scope.Scope>
}>()("holdfast/relay/RelayTransport") {
  static readonly layer = Layer.effect(
    RelayTransport,
    Effect.gen(function*() {
      const { headers: configured = {}, plainHttp, url } = yield* RelayTarget
      const isReadable = url.protocol === "http:" && !isLoopback(url.hostname) && plainHttp !== true
      const always = yield* resolved(configured)
      const { link } = yield* Settings
      const pool = yield* Effect.acquireRelease(
        Effect.sync(() =>
          new Pool(url.origin, {
            allowH2: false,
            pipelining: 1,
            // Long waits are watched from above, by bytes and probes.
            headersTimeout: 0,
            bodyTimeout: 0,
            connect: { timeout: Duration.toMillis(link.connectTimeout) }
          })
        ),
        (pool) => Effect.promise(() => pool.destroy())
      )
      let underWay = 0
      const waiting = new Set<() => void>()
      const path = `${url.pathname}${url.search}`
      const clock = yield* Clock.Clock

      /** Sends when it is its turn; `leave` gives the turn to the next. */
      const begin = (attempt: Attempt) => {
        const exchange = new HttpExchange(attempt.watch)
        const dispatch = () => {
          const proof = provenBy(attempt, url, clock.currentTimeMillisUnsafe())
          const headers = { ...always, ...headersOf(attempt), ...proof }
          pool.dispatch(
            { path, method: attempt.method, headers, body: attempt.bytes ?? attempt.body ?? null },
            exchange
          )
        }
        if (attempt.probes === true || isStream(attempt)) {
          dispatch()
          return { exchange, leave: () => {} }
        }
        if (underWay < maxRequests) {
          underWay++
          dispatch()
        } else waiting.add(dispatch)
        let here = true
        const leave = () => {
          if (!here) return
          here = false
          if (waiting.delete(dispatch)) return
          const [next] = waiting
          if (next === undefined) underWay--
          else {
            waiting.delete(next)
            next()
          }
        }
        return { exchange, leave }
      }

      /** Not by `acquireRelease`, which would copy the whole context for each attempt. */
      const exchange = (attempt: Attempt) =>
        Effect.flatMap(Effect.scope, (scope) => {
          const { exchange, leave } = begin(attempt)
          const release = (exit: Exit.Exit<unknown, unknown>) =>
            Effect.sync(() => {
              // A stream that nobody reads must go at once: relays refuse a second one on the same session.
              if (attempt.method === "GET" || Exit.isFailure(exit)) exchange.abort()
              else exchange.finish()
              leave()
            })
          return Effect.as(Scope.addFinalizerExit(scope, release), { exchange, leave })
        })

      /** Once more with the relay's nonce in the proof, where it refused the first one for that alone (RFC 9449, section 9). */
      const proven = Effect.fnUntraced(function*(attempt: Attempt, key: ProofKey) {
        const first = yield* exchange(attempt)
        const head = yield* first.exchange.head
        const isNew = key.heard(url, header(head.headers, "dpop-nonce"))
        if (!isNew || !wantsNonce(head)) return { http: first.exchange, head }
        first.exchange.finish()
        first.leave()
        const { exchange: http } = yield* exchange(attempt)
        return { http, head: yield* http.head }
      })

      return RelayTransport.of({
        send: (attempt) => {
          if (isReadable && (Option.isSome(attempt.token) || always["authorization"] !== undefined)) {
            return Effect.fail(new RelayFailure({ reason: new ConnectFailed({ detail: readable(url) }) }))
          }
          const answered = (http: HttpExchange, head: ResponseHead) =>
            Effect.tapError(classify(attempt, head, http), () => Effect.sync(() => http.finish()))
          const { key } = attempt
          if (key !== undefined) {
            return Effect.flatMap(proven(attempt, key), ({ head, http }) => answered(http, head))
          }
          return Effect.flatMap(
            exchange(attempt),
            ({ exchange: http }) => Effect.flatMap(http.head, (head) => answered(http, head))
          )
        }
      })
    })
  ).pipe(Layer.provide(NodeFileSystem.layer))
}

/** Requests to one relay at once, each with a connection: what comes beyond waits for its turn. Streams are not counted. */
const maxRequests = 256

/** It stays for as long as its session is read, and counts for no request. */
const isStream = ({ headers, method }: Attempt): boolean =>
  method === "GET" || headers?.["mcp-method"] === "subscriptions/listen"

const readable = ({ host }: URL): string =>
  `its URL is plain http to ${host}, and a token would be readable on the way: use https, or say that it may with the `
  + "relay's setting plainHttp"

/** What may stand in a header's value (RFC 9110, section 5.5); undici refuses the whole request otherwise. */
const printable = /^[\t\x20-\x7e\x80-\xff]*$/

/** Where a variable is not set, or a file cannot be read, the header is left out: the relay will say what it lacks. */
const resolved = Effect.fnUntraced(function*(headers: Readonly<Record<string, Redacted.Redacted>>) {
  const all: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    // The same for every agent.
    const filled = yield* Effect.option(resolve(Redacted.value(value), "{agent}"))
    // An embedding program's have not been through the settings' schema.
    if (Option.isSome(filled) && fault(name) === undefined && printable.test(filled.value)) {
      all[name.toLowerCase()] = filled.value
    }
  }
  return all
})

const wantsNonce = ({ headers, status }: ResponseHead): boolean =>
  status === 401 && header(headers, "www-authenticate")?.includes("use_dpop_nonce") === true

/** A proof is for one request alone, so it is made when that is sent. */
const provenBy = ({ key, method, token }: Attempt, url: URL, now: number): Record<string, string> =>
  key === undefined || Option.isNone(token) ? {} : { dpop: key.proof(method, url, now, Redacted.value(token.value)) }

const headersOf = (attempt: Attempt): Record<string, string> => {
  const headers: Record<string, string> = {}
  const put = (name: string, value: string | undefined) => {
    if (value !== undefined && printable.test(value)) headers[name] = value
  }
  for (const [name, value] of Object.entries(attempt.headers ?? {})) {
    if (!own.has(name.toLowerCase())) put(name.toLowerCase(), value)
  }
  put("accept", attempt.method === "GET" ? "text/event-stream" : "application/json, text/event-stream")
  put("accept-encoding", "identity")
  if (attempt.method === "POST") put("content-type", "application/json")
  put("mcp-session-id", attempt.session)
  put("mcp-protocol-version", attempt.protocolVersion)
  // In UTF-8 (HTML Living Standard, section 9.2.3); a header's value is made of bytes.
  put("last-event-id", attempt.lastEventId && Buffer.from(attempt.lastEventId).toString("latin1"))
  if (Option.isSome(attempt.token)) {
    const scheme = attempt.key === undefined ? "Bearer" : "DPoP"
    put("authorization", `${scheme} ${Redacted.value(attempt.token.value)}`)
  }
  return headers
}
