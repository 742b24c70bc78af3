/**
 * A stock OpenID provider (`oidc-provider`) on loopback, and behind its tokens an MCP server made of the official SDK:
 * registration, PKCE, resource indicators, refresh tokens that rotate and of which a used one ends the grant, device
 * authorization, tokens bound to a key. Nothing of the protocol is ours; the tests only delay and count.
 */
import {
  type AuthInfo,
  getOAuthProtectedResourceMetadataUrl,
  OAuthError,
  OAuthErrorCode,
  requireBearerAuth
} from "@modelcontextprotocol/server"
import { Effect, type Scope } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Provider } from "oidc-provider"
import { type BoundRequests, judge } from "./boundResource.ts"
import { type Letter, protectedServer } from "./protectedServer.ts"

export interface OpenIdOptions {
  /** The resource asks for tokens that are bound to a key (RFC 9449), at both ends under a nonce where it says so. */
  readonly bound?: "without nonce" | "with nonce" | undefined
}

export interface OpenIdServer {
  readonly origin: string
  readonly relay: URL
  /** What a test may change while it runs. */
  readonly behaviour: {
    /** Waited for after a token request was carried out, before its answer leaves. */
    hold: (() => Promise<void>) | undefined
    /** The resource is away: 503 to everything. */
    away: boolean
    /** Whether logins get a refresh token. */
    refreshable: boolean
    /** What the provider gets where it fetches a client id metadata document. */
    documents: Readonly<Record<string, unknown>>
    /** Seconds. */
    accessTokenLifetime: number
  }
  /** From here on the resource takes no token of a login whose tokens it has taken until now. */
  readonly refuseOldLogins: () => void
  /** The grant types of the token requests, in order. */
  readonly grants: Array<string>
  /** How many clients were registered. */
  readonly clients: () => number
  /** How many grants a used refresh token ended. */
  readonly revocations: () => number
  readonly letters: Array<Letter>
  readonly bound: BoundRequests
}

const scope = "tools"

const textOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

const requestOf = async (request: IncomingMessage, origin: string): Promise<Request> => {
  const body = await textOf(request)
  return new Request(new URL(request.url ?? "", origin), {
    method: request.method ?? "GET",
    headers: Object.entries(request.headersDistinct).flatMap(([name, values = []]) =>
      values.map((value): [string, string] => [name, value])
    ),
    ...(body === "" ? {} : { body })
  })
}

const write = async (answer: Response, response: ServerResponse): Promise<void> => {
  response.writeHead(answer.status, Object.fromEntries(answer.headers))
  response.end(await answer.text())
}

interface Grantee {
  readonly grantTypeAllowed: (type: string) => boolean
  readonly scopes: ReadonlySet<string>
}

const providerOf = (origin: string, options: OpenIdOptions, behaviour: OpenIdServer["behaviour"]): Provider =>
  new Provider(origin, {
    scopes: ["openid", "offline_access"],
    claims: { openid: ["sub"] },
    pkce: { required: () => true },
    cookies: { keys: ["of the tests"] },
    ttl: {
      AccessToken: () => behaviour.accessTokenLifetime,
      DeviceCode: 600,
      Grant: 86_400,
      IdToken: 3600,
      Interaction: 3600,
      RefreshToken: 86_400,
      Session: 86_400
    },
    issueRefreshToken: (_: unknown, client: Grantee, code: Grantee) =>
      behaviour.refreshable && client.grantTypeAllowed("refresh_token") && code.scopes.has("offline_access"),
    findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
    features: {
      devInteractions: { enabled: true },
      registration: { enabled: true },
      deviceFlow: { enabled: true },
      clientIdMetadataDocument: { enabled: true, ack: "draft-02" },
      dPoP: {
        enabled: true,
        nonceSecret: Buffer.alloc(32, 7),
        requireNonce: () => options.bound === "with nonce"
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => `${origin}/mcp`,
        getResourceServerInfo: (_: unknown, resource: string) => ({
          scope,
          audience: resource,
          accessTokenFormat: "opaque",
          accessTokenTTL: behaviour.accessTokenLifetime
        })
      }
    },
    fetch: (url: URL | string) =>
      Promise.resolve(
        Object.hasOwn(behaviour.documents, String(url))
          ? Response.json(behaviour.documents[String(url)])
          : new Response(null, { status: 404 })
      )
  })

const start = async (options: OpenIdOptions): Promise<OpenIdServer & { readonly close: () => void }> => {
  const behaviour: OpenIdServer["behaviour"] = {
    hold: undefined,
    away: false,
    refreshable: true,
    documents: {},
    accessTokenLifetime: 3600
  }
  const grants: Array<string> = []
  const letters: Array<Letter> = []
  const bound: BoundRequests = {
    proofs: [],
    refused: [],
    nonce: options.bound === "with nonce" ? "the resource's own" : undefined
  }
  const taken = new Set<string>()
  let refused: ReadonlySet<string> = new Set()
  let clients = 0
  let revocations = 0
  let handle = (_: IncomingMessage, response: ServerResponse): Promise<void> =>
    Promise.resolve(void response.writeHead(503).end())
  const server = createServer((request, response) => void handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  const origin = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
  const relay = new URL(`${origin}/mcp`)

  const provider = providerOf(origin, options, behaviour)
  provider.on("registration_create.success", () => void clients++)
  provider.on("grant.revoked", () => void revocations++)
  provider.use(async (context, next) => {
    await next()
    // The provider names no pause between two questions of a device; a short one, so that tests need not wait for 5 s.
    if (context.path === "/device/auth") context.body = { ...context.body, interval: 1 }
    if (context.path !== "/token") return
    grants.push(context.oidc?.params?.grant_type ?? "none")
    await behaviour.hold?.()
  })

  const metadataUrl = getOAuthProtectedResourceMetadataUrl(relay)
  const metadata = {
    resource: relay.href,
    authorization_servers: [origin],
    scopes_supported: [scope],
    ...(options.bound === undefined
      ? {}
      : { dpop_bound_access_tokens_required: true, dpop_signing_alg_values_supported: ["ES256"] })
  }
  /** Asks the provider, as by introspection; a JWT would be verified with its keys instead. */
  const verifyAccessToken = async (token: string): Promise<AuthInfo & { readonly jkt: string | undefined }> => {
    const found = await provider.AccessToken.find(token)
    const gone = found === undefined || refused.has(found.grantId)
      || (options.bound === undefined) !== (found.jkt === undefined)
    if (gone) throw new OAuthError(OAuthErrorCode.InvalidToken, "unknown, or of another kind")
    taken.add(found.grantId)
    return {
      token,
      clientId: found.clientId,
      scopes: found.scope?.split(" ") ?? [],
      expiresAt: found.exp ?? 0,
      resource: new URL(String(found.aud)),
      extra: { sub: found.accountId },
      jkt: found.jkt
    }
  }
  const gate = requireBearerAuth({
    verifier: { verifyAccessToken },
    requiredScopes: [scope],
    resourceMetadataUrl: metadataUrl,
    expectedResource: relay
  })
  const isProven = judge(bound)
  const boundGate = async (request: Request): Promise<AuthInfo | Response> => {
    const token = /^DPoP (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1]
    const info = token === undefined ? undefined : await verifyAccessToken(token).catch(() => undefined)
    if (token === undefined || info === undefined) {
      return new Response(null, {
        status: 401,
        headers: { "www-authenticate": `DPoP algs="ES256", resource_metadata="${metadataUrl}", scope="${scope}"` }
      })
    }
    return (await isProven(request, token, info.jkt)) ?? info
  }

  const mcp = protectedServer(letters)
  const callback = provider.callback()
  handle = async (incoming, response) => {
    const path = incoming.url?.split("?")[0]
    if (path === new URL(metadataUrl).pathname) return write(Response.json(metadata), response)
    if (path !== relay.pathname) return callback(incoming, response)
    if (behaviour.away) return void response.writeHead(503).end()
    const request = await requestOf(incoming, origin)
    const admitted = await (options.bound === undefined ? gate : boundGate)(request)
    if (admitted instanceof Response) return write(admitted, response)
    return write(await mcp.fetch(request, { authInfo: admitted }), response)
  }
  return {
    origin,
    relay,
    behaviour,
    refuseOldLogins: () => {
      refused = new Set(taken)
    },
    grants,
    clients: () => clients,
    revocations: () => revocations,
    letters,
    bound,
    close: () => {
      server.close()
      server.closeAllConnections()
    }
  }
}

export const openIdServer = (options: OpenIdOptions = {}): Effect.Effect<OpenIdServer, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.promise(() => start(options)), ({ close }) => Effect.sync(close))
