/** One request to an OAuth 2 token endpoint (RFC 6749, section 3.2), with the client's authentication that it takes. */
import { Clock, Effect, Redacted } from "effect"
import { HttpClientRequest, UrlParams } from "effect/http"
import type { ProofKey } from "./ProofKey.ts"
import { failureOf } from "./SourceProblem.ts"
import * as TokenHttp from "./TokenHttp.ts"

export interface OAuthClient {
  readonly id: string
  readonly secret: Redacted.Redacted | undefined
  /** What the server says it takes; absent, `client_secret_basic`, as RFC 8414 has it. */
  readonly methods: ReadonlyArray<string> | undefined
  /** The key that what it gets is to be bound to. */
  readonly key?: ProofKey | undefined
}

type Form = Readonly<Record<string, string | undefined>>

const encode = (form: Form): string => UrlParams.toString(UrlParams.fromInput(form))

/** RFC 6749, section 2.3.1: form-encoded before it is joined. */
const formEncoded = (text: string): string => encode({ "": text }).slice(1)

const basic = (id: string, secret: string): string =>
  `Basic ${Buffer.from(`${formEncoded(id)}:${formEncoded(secret)}`).toString("base64")}`

const takes = ({ methods = ["client_secret_basic"] }: OAuthClient, method: string): boolean => methods.includes(method)

const wantsNonce = ({ status, text }: TokenHttp.HttpAnswer): boolean =>
  (status === 400 || status === 401) && text.includes("use_dpop_nonce")

/** The answer's text, of a 200; a failure's code and hint otherwise, without what was sent. */
export const request = Effect.fn("TokenEndpoint.request")(function*(
  endpoint: string,
  client: OAuthClient,
  form: Form,
  namedBy: TokenHttp.NamedBy
) {
  const url = yield* TokenHttp.safeUrl(endpoint)
  const secret = client.secret === undefined ? undefined : Redacted.value(client.secret)
  const asBasic = secret !== undefined && takes(client, "client_secret_basic")
  const inForm = secret !== undefined && !asBasic && !takes(client, "none")
  const body = encode({
    ...form,
    ...(asBasic ? {} : { client_id: client.id }),
    ...(inForm ? { client_secret: secret } : {})
  })
  const header = asBasic ? basic(client.id, secret) : undefined
  const ask = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    TokenHttp.send(
      HttpClientRequest.post(url).pipe(
        HttpClientRequest.setHeader("accept", "application/json"),
        HttpClientRequest.bodyText(body, "application/x-www-form-urlencoded"),
        (request) => header === undefined ? request : HttpClientRequest.setHeader(request, "authorization", header),
        (request) =>
          client.key === undefined
            ? request
            : HttpClientRequest.setHeader(request, "dpop", client.key.proof("POST", url, now))
      ),
      namedBy
    ))
  let answer = yield* ask
  // The server wants its nonce in the proof, and has done nothing yet (RFC 9449, section 8).
  if (client.key?.heard(url, answer.nonce) === true && wantsNonce(answer)) answer = yield* ask
  client.key?.heard(url, answer.nonce)
  if (answer.status === 200) return answer.text
  const sent = [
    header?.replace("Basic ", "") ?? "",
    secret ?? "",
    form["refresh_token"] ?? "",
    form["code"] ?? "",
    form["code_verifier"] ?? "",
    form["client_assertion"] ?? ""
  ]
  return yield* failureOf(answer, sent)
})
