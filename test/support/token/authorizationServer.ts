/**
 * A real relay that asks for a token and the OAuth authorization server that gives it, on loopback: PKCE, registration,
 * `iss`, refresh tokens that rotate and of which a used one ends the whole login.
 */
import { Effect } from "effect"
import { createHash, randomUUID } from "node:crypto"
import { type Answer, type Asked, httpServer } from "./httpServer.ts"

interface Grant {
  readonly client: string
  readonly challenge: string
  readonly redirectUri: string
}

export interface Behaviour {
  /** What the authorization response is sent with, in place of the right one. */
  readonly answer?: Readonly<Record<string, string>>
  readonly metadata?: Readonly<Record<string, unknown>>
  /** Seconds. */
  readonly lifetime?: number
  /** What is answered who asks for a device's code, as text: nobody ever agrees. */
  readonly device?: string
  /** Done before a refresh is answered. */
  readonly meanwhile?: () => void
  /** Waited for after a refresh was carried out, before its answer leaves. */
  readonly hold?: () => Promise<void>
}

export const authorizationServer = (behaviour: Behaviour = {}) =>
  Effect.gen(function*() {
    const codes = new Map<string, Grant>()
    const state = {
      refresh: "",
      ended: false,
      refreshes: 0,
      /** By a device, whether a person has agreed. */
      asked: 0,
      tokens: new Set<string>(),
      clients: new Map<string, string>()
    }

    const issue = (): Answer => {
      state.refresh = `refresh-${randomUUID()}`
      const access_token = `access-${randomUUID()}`
      state.tokens.add(access_token)
      return {
        headers: { "cache-control": "no-store" },
        body: {
          access_token,
          token_type: "Bearer",
          expires_in: behaviour.lifetime ?? 3600,
          refresh_token: state.refresh
        }
      }
    }
    const refuse = (error: string): Answer => ({ status: 400, body: { error } })

    const token = ({ body }: Asked, origin: string): Answer => {
      const form = new URLSearchParams(body)
      if (form.get("grant_type")?.endsWith(":device_code") === true) {
        state.asked++
        return refuse("authorization_pending")
      }
      if (form.get("resource") !== `${origin}/mcp`) return refuse("invalid_target")
      if (!state.clients.has(form.get("client_id") ?? "")) return { status: 401, body: { error: "invalid_client" } }
      if (form.get("grant_type") === "refresh_token") {
        state.refreshes++
        behaviour.meanwhile?.()
        if (state.ended || form.get("refresh_token") !== state.refresh) {
          state.ended = true
          return refuse("invalid_grant")
        }
        return issue()
      }
      const grant = codes.get(form.get("code") ?? "")
      codes.delete(form.get("code") ?? "")
      const challenge = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url")
      const right = grant?.challenge === challenge && grant.redirectUri === form.get("redirect_uri")
        && grant.client === form.get("client_id")
      return right ? issue() : refuse("invalid_grant")
    }

    const authorize = ({ path }: Asked, origin: string): Answer => {
      const query = new URL(path, origin).searchParams
      const redirectUri = query.get("redirect_uri") ?? ""
      const client = query.get("client_id") ?? ""
      if (state.clients.get(client) !== redirectUri) return refuse("invalid_redirect_uri")
      const code = randomUUID()
      codes.set(code, { client, redirectUri, challenge: query.get("code_challenge") ?? "" })
      const back = new URL(redirectUri)
      const answer = { code, state: query.get("state") ?? "", iss: origin, ...behaviour.answer }
      for (const [key, value] of Object.entries(answer)) if (value !== "") back.searchParams.set(key, value)
      return { status: 302, headers: { location: back.href } }
    }

    const register = ({ body }: Asked): Answer => {
      const asked: { readonly redirect_uris: ReadonlyArray<string> } = JSON.parse(body)
      const client_id = randomUUID()
      state.clients.set(client_id, asked.redirect_uris[0] ?? "")
      return { status: 201, body: { client_id, ...asked, token_endpoint_auth_method: "none" } }
    }

    const server = yield* httpServer((asked, origin): Answer | Promise<Answer> => {
      switch (asked.path.split("?")[0]) {
        case "/mcp":
          return state.tokens.has((asked.headers.authorization ?? "").replace("Bearer ", "")) ? { body: {} } : {
            status: 401,
            headers: { "www-authenticate": `Bearer resource_metadata="${origin}/meta", scope="tools"` }
          }
        case "/meta":
          return { body: { resource: `${origin}/mcp`, authorization_servers: [origin] } }
        case "/.well-known/oauth-authorization-server":
          return {
            body: {
              issuer: origin,
              authorization_endpoint: `${origin}/authorize`,
              token_endpoint: `${origin}/token`,
              registration_endpoint: `${origin}/register`,
              code_challenge_methods_supported: ["S256"],
              scopes_supported: ["tools", "offline_access"],
              authorization_response_iss_parameter_supported: true,
              ...(behaviour.device === undefined ? {} : { device_authorization_endpoint: `${origin}/device` }),
              ...behaviour.metadata
            }
          }
        case "/register":
          return register(asked)
        case "/device":
          return { body: behaviour.device ?? "" }
        case "/authorize":
          return authorize(asked, origin)
        case "/token": {
          const answer = token(asked, origin)
          const held = asked.body.includes("grant_type=refresh_token") ? behaviour.hold?.() : undefined
          return held === undefined ? answer : held.then(() => answer)
        }
        default:
          return { status: 404 }
      }
    })
    return { ...server, state, relay: new URL(`${server.origin}/mcp`) }
  })
