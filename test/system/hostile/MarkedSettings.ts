/** Settings whose every secret is a marked text, the servers that these go to, and a word for each place. */
import { Effect } from "effect"
import { generateKeyPairSync } from "node:crypto"
import { type IncomingMessage, request as ask, type ServerResponse } from "node:http"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { settingsFrom, type SettingsSchema } from "../../../src/config/Settings.ts"
import { markerOf } from "../../support/Marker.ts"
import { secretsIn } from "../../support/secretSettings.ts"

export type Configuration = typeof SettingsSchema.Encoded

/** Who has sources of their own, and of which kind. */
export const kinds = { ada: "value", bert: "mint", cleo: "oauth", dora: "key" } as const
export const agents = Object.keys(kinds) as ReadonlyArray<keyof typeof kinds>

const newKey = (): string =>
  generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString()

/** `holder` is whose token it is; the servers know it by that word. */
const sourcesFor = (servers: string, holder: string) => {
  const oauth = { clientId: "client", tokenEndpoint: `${servers}/authorization/${holder}`, resource: servers }
  return {
    value: { value: markerOf(`${holder} value`) },
    mint: {
      url: {
        url: `${servers}/mint/${holder}`,
        method: "POST",
        headers: { "X-Key": markerOf(`${holder} header`), Authorization: `Bearer ${markerOf(`${holder} bearer`)}` },
        body: JSON.stringify({ key: markerOf(`${holder} body`) })
      }
    },
    oauth: { oauth: { ...oauth, clientSecret: markerOf(`${holder} client secret`) } },
    key: { oauth: { ...oauth, privateKey: newKey() } }
  } as const
}

/** A token with all sources, of which the first two fail, and agents with one source each. */
const tokenFor = (servers: string, holder: string, life: "oauth" | "key") => {
  const own = sourcesFor(servers, holder)
  return {
    ...own.mint,
    ...own[life],
    ...own.value,
    sources: ["url", "oauth", "value"],
    agents: Object.fromEntries(agents.map((agent) => [agent, sourcesFor(servers, `${holder}-${agent}`)[kinds[agent]]]))
  } as const
}

/** Nobody gets a token there, and the sources say why in words that quote what they were sent. */
const failingToken = (servers: string, life: "oauth" | "key", file: string) => {
  const own = sourcesFor(servers, "failing")
  return {
    ...own.mint,
    ...own[life],
    sources: ["url", "oauth"],
    agents: {
      ada: { command: `cat ${file} >&2; exit 1` },
      bert: { url: `${servers}/mint/failing?key={env:MARKED_QUERY}` },
      cleo: { value: `{file:${file}.missing}` },
      dora: { ...sourcesFor(servers, "failing-dora").mint }
    }
  } as const
}

/** Secrets that stand beside the settings: variables and files that these name, and what a command prints. */
export const beside = {
  environment: markerOf("environment"),
  variable: markerOf("variable"),
  query: markerOf("query"),
  file: markerOf("file"),
  templateFile: markerOf("template file"),
  command: markerOf("command"),
  refresh: markerOf("login refresh"),
  access: markerOf("login access"),
  loginSecret: markerOf("login client secret")
}

/** `life`: which of the two ways to authenticate the sources that exclude each other have. */
export const configuration = (
  servers: string,
  life: "oauth" | "key",
  files: { readonly token: string; readonly template: string }
): Configuration => ({
  relay: { url: `${servers}/relay/default` },
  token: tokenFor(servers, "default", life),
  relays: {
    docs: {
      url: `${servers}/relay/docs`,
      headers: { "X-Docs": markerOf("relay docs header"), "X-More": `a=${markerOf("relay docs other header")}` },
      token: tokenFor(servers, "docs", life)
    },
    beside: {
      url: `${servers}/relay/beside`,
      headers: { "X-Variable": "{env:MARKED_VARIABLE}" },
      token: {
        file: files.token,
        agents: {
          ada: { command: `printf %s ${beside.command}` },
          bert: { url: `${servers}/mint/beside-bert?key={env:MARKED_QUERY}` },
          cleo: { value: `{file:${files.template}}` }
        }
      }
    },
    failing: { url: `${servers}/relay/failing`, token: failingToken(servers, life, files.token) },
    login: { url: `${servers}/relay/login` },
    environment: { url: `${servers}/relay/environment`, token: { sources: ["environment"] } }
  },
  credentials: Object.fromEntries(
    [
      ...(["value", "mint", "oauth", "key"] as const).map((kind) => [kind, {
        hosts: [`${kind}.test`],
        ...kind === "value" ? { handOver: { env: ["HANDED"] } } : {},
        token: sourcesFor(servers, `credential-${kind}`)[kind]
      }]),
      ["failing", { hosts: ["failing.test"], token: sourcesFor(servers, "credential-failing").mint }]
    ]
  ),
  // No plane is there, so its token goes nowhere.
  uplinks: Object.fromEntries(
    (["value", "mint", "oauth", "key"] as const).map((kind) => [kind, {
      url: servers,
      session: "s-1",
      token: sourcesFor(servers, `uplink-${kind}`)[kind]
    }])
  ),
  outbox: { retries: 2, retryBase: "10 millis", retryCap: "20 millis", waitForLane: "50 millis" },
  link: { outageGrace: "20 millis", outageGraceLater: "20 millis", fallbackAfter: "100 millis" },
  log: { level: "debug" }
})

/** What a login left, as `holdfast login` writes it. */
export const loginFile = (servers: string): string =>
  JSON.stringify({
    issuer: servers,
    tokenEndpoint: `${servers}/authorization/login`,
    namedBy: servers,
    clientId: "client",
    clientSecret: beside.loginSecret,
    resource: `${servers}/relay/login`,
    id: "login",
    refreshToken: beside.refresh,
    accessToken: "used-up",
    expiresAt: 1
  })

export interface Marked {
  readonly marker: string
  /** In the settings, or a word of ours. */
  readonly name: string
  /** The one place that must see it; `undefined` where nobody may. */
  readonly destination: string | undefined
}

/** By the end of a setting's path. */
const destinations: ReadonlyArray<readonly [end: RegExp, place: "relay" | "mint" | "authorization" | "nowhere"]> = [
  [/^uplinks\.\w+\.token\.value$/, "nowhere"],
  [/token\.(agents\.\w+\.)?value$/, "relay"],
  [/^relays\.\w+\.headers\.[\w-]+$/, "relay"],
  [/\.url\.(headers\.[\w-]+|body)$/, "mint"],
  [/\.oauth\.clientSecret$/, "authorization"],
  [/\.oauth\.privateKey$/, "nowhere"]
]

const destinationOf = (path: string): string | undefined => {
  const place = destinations.find(([end]) => end.test(path))?.[1]
  if (place === undefined) throw new Error(`say where ${path} belongs: a new setting that holds a secret`)
  if (place === "nowhere") return undefined
  const [, credential] = /^credentials\.(\w+)\./.exec(path) ?? []
  if (credential !== undefined) {
    return place === "relay"
      ? `credential ${credential}`
      : `${place} credential-${credential}`
  }
  const uplink = /^uplinks\.(\w+)\./.exec(path)?.[1]
  if (uplink !== undefined) return `${place} uplink-${uplink}`
  const relay = /^relays\.(\w+)\./.exec(path)?.[1] ?? "default"
  const agent = /\.agents\.(\w+)\./.exec(path)?.[1]
  return place === "relay" ? `relay ${relay}` : `${place} ${agent === undefined ? relay : `${relay}-${agent}`}`
}

/** What of a secret is marked: a PEM's own text, and of anything else the word that is ours. */
const markerIn = (secret: string): string | undefined =>
  /Mk[A-Za-z0-9]{26}/.exec(secret)?.[0] ?? /KEY-----\n[^-]*?([A-Za-z0-9+/]{28})=*\n/.exec(secret)?.[1]

/** Each secret of the settings that is written out there. */
export const markedIn = (settings: Configuration): ReadonlyArray<Marked & { readonly path: string }> =>
  secretsIn(settingsFrom(settings)).flatMap(([path, secret]) => {
    if (/^\{(env|file):/.test(secret)) return []
    const marker = markerIn(secret)
    if (marker === undefined) throw new Error(`${path} has no marker`)
    return [{ marker, name: path, path, destination: destinationOf(path) }]
  })

const minted = (place: string, relay: string): Marked => ({
  marker: markerOf(`minted by ${place}`),
  name: `minted by ${place}`,
  destination: relay
})

export const markedBeside: ReadonlyArray<Marked> = [
  { marker: beside.environment, name: "HOLDFAST_RELAY_TOKEN", destination: "relay environment" },
  { marker: beside.variable, name: "{env:MARKED_VARIABLE}", destination: "relay beside" },
  { marker: beside.query, name: "{env:MARKED_QUERY}", destination: "mint beside-bert" },
  { marker: beside.file, name: "token.file", destination: "relay beside" },
  { marker: beside.templateFile, name: "{file:…}", destination: "relay beside" },
  { marker: beside.command, name: "token.command", destination: "relay beside" },
  { marker: beside.refresh, name: "login's refresh token", destination: "authorization login" },
  { marker: beside.loginSecret, name: "login's client secret", destination: "authorization login" },
  minted("authorization login", "relay login"),
  minted("mint beside-bert", "relay beside"),
  ...["default", "docs"].flatMap((relay) => [
    minted(`mint ${relay}-bert`, `relay ${relay}`),
    minted(`authorization ${relay}-cleo`, `relay ${relay}`),
    minted(`authorization ${relay}-dora`, `relay ${relay}`)
  ]),
  minted("mint credential-mint", "credential mint"),
  minted("authorization credential-oauth", "credential oauth"),
  minted("authorization credential-key", "credential key")
]

/** Everything that was seen anywhere. */
export class Seen {
  readonly entries: Array<{ readonly place: string; readonly text: string }> = []
  add(place: string, text: string): void {
    this.entries.push({ place, text })
  }
}

const bodyOf = async (message: IncomingMessage): Promise<string> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of message) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString()
}

/** A source that fails quotes all that it was sent, whole and in parts. */
const quoting = (head: string, body: string) => {
  const key = /"key":"(\w+)"/.exec(body)?.[1] ?? /Basic (\S+?)"/.exec(head)?.[1] ?? ""
  return {
    error: "invalid_client",
    error_description: `not known: ${key}; ${Buffer.from(key, "base64").toString("latin1")}; ${body}; ${head}`
  }
}

const isFailing = (holder: string): boolean => /^(default|docs|failing|failing-\w+|credential-failing)$/.test(holder)

/**
 * One origin for all: `/relay/NAME` passes on to the real relay, `/mint/HOLDER` and `/authorization/HOLDER` give tokens,
 * anything else, such as traces, is only seen.
 */
export const markedServers = (relayPort: () => number, seen: Seen) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly origin: string; readonly refuseOnce: Set<string>; readonly close: () => void }>(
      (resume) => {
        /** Places whose next request with a token is answered 401, with all that it brought. */
        const refuseOnce = new Set<string>()
        const handle = async (request: IncomingMessage, response: ServerResponse) => {
          const [, kind = "", holder = ""] = /^\/(\w+)\/([\w-]+)/.exec(request.url ?? "") ?? []
          const place = `${kind} ${holder}`
          const head = `${request.method} ${request.url} ${JSON.stringify(request.headers)}`
          const answer = (status: number, body: object) =>
            void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
          if (kind === "relay") {
            let text = head
            request.on("data", (chunk) => text += String(chunk)).on("close", () => seen.add(place, text))
            if (request.headers.authorization !== undefined && refuseOnce.delete(place)) {
              seen.add(place, head)
              request.resume()
              return answer(401, { error: `refused: ${head}` })
            }
            const outgoing = ask({
              host: "127.0.0.1",
              port: relayPort(),
              path: "/mcp",
              method: request.method,
              headers: { ...request.headers, host: `127.0.0.1:${relayPort()}` }
            }, (incoming) => {
              response.writeHead(incoming.statusCode ?? 500, incoming.headers).flushHeaders()
              incoming.on("error", () => response.destroy()).pipe(response)
            })
            outgoing.on("error", () => response.destroy())
            response.on("close", () => outgoing.destroy())
            request.pipe(outgoing)
            return
          }
          const body = await bodyOf(request)
          seen.add(place, `${head} ${body}`)
          if (isFailing(holder)) return answer(400, quoting(head, body))
          answer(200, { access_token: markerOf(`minted by ${place}`), token_type: "Bearer", expires_in: 3600 })
        }
        const server = createServer((request, response) => void handle(request, response))
        server.listen(0, "127.0.0.1", () =>
          resume(Effect.succeed({
            origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
            refuseOnce,
            close: () => void server.close().closeAllConnections()
          })))
      }
    ),
    ({ close }) => Effect.sync(close)
  )
