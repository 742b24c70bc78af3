/**
 * Holdfast as the suite's client: a person logs in, or the settings name client credentials; an agent then lists and
 * calls tools through Holdfast; and where the relay says that it takes more, the person logs in again, once or twice.
 */
import { NodeHttpClient } from "@effect/platform-node"
import { Effect, Layer, Schema } from "effect"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Holdfast, type HoldfastOptions } from "../../../src/index.ts"
import * as AuthorizationServer from "../../../src/token/sources/AuthorizationServer.ts"
import { Clients } from "../../support/Clients.ts"
import { run } from "./Person.ts"

export const Context = Schema.Struct({
  client_id: Schema.optional(Schema.String),
  client_secret: Schema.optional(Schema.String),
  private_key_pem: Schema.optional(Schema.String)
})

export const Task = Schema.Struct({
  scenario: Schema.String,
  url: Schema.String,
  version: Schema.String,
  context: Context
})
export type Task = typeof Task.Type

const dataDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-auth-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** The suite's own: whoever runs Holdfast publishes such a document, and names it. */
const metadataDocument = "https://conformance-test.local/client-metadata.json"

/** What a person is told together with a client's secret: whom it is for. */
const issuerOf = ({ url }: Task) =>
  AuthorizationServer.protectedResource(new URL(url)).pipe(
    Effect.map(({ issuers }) => issuers[0] ?? new URL(url).origin),
    Effect.provide(NodeHttpClient.layerUndici)
  )

/** What the person knows of the client beforehand. */
const clientFlags = Effect.fnUntraced(function*(dataDir: string, task: Task) {
  const { context, scenario } = task
  if (scenario === "auth/basic-cimd") return ["--client-id", metadataDocument]
  if (context.client_id === undefined) return []
  const file = join(dataDir, "client-secret")
  writeFileSync(file, context.client_secret ?? "", { mode: 0o600 })
  return ["--client-id", context.client_id, "--client-secret-file", file, "--issuer", yield* issuerOf(task)]
})

/** Extensions that Holdfast does not have, and why. */
export const notOurs: Readonly<Record<string, string>> = {
  "auth/enterprise-managed-authorization": "an identity provider's token exchange: a token command does that",
  "auth/wif-jwt-bearer": "a workload's token exchange: a token command does that"
}

type Token = NonNullable<HoldfastOptions["settings"]["token"]>

const clientCredentials = ({ context }: Task, issuer: string): Token => ({
  oauth: {
    clientId: context.client_id ?? "",
    issuer,
    ...(context.client_secret === undefined ? {} : { clientSecret: context.client_secret }),
    ...(context.private_key_pem === undefined ? {} : { privateKey: context.private_key_pem })
  }
})

/** Tries again after each new login: at most twice, as a person would. */
const maxNewLogins = 2

export const drive = Effect.fn("drive")(function*(task: Task) {
  const dataDir = yield* dataDirectory
  const interactive = !task.scenario.startsWith("auth/client-credentials")
  const logIn = (...more: ReadonlyArray<string>) =>
    interactive
      ? Effect.flatMap(
        clientFlags(dataDir, task),
        (flags) => run(dataDir, "login", "--relay", task.url, ...flags, ...more)
      )
      : Effect.succeed("")
  yield* logIn()
  const holdfast = Holdfast.layer({
    settings: {
      dataDir,
      relay: { url: task.url },
      listen: { port: 0 },
      ...(interactive ? {} : { token: clientCredentials(task, yield* issuerOf(task)) })
    }
  })
  yield* Effect.gen(function*() {
    const { url } = yield* Holdfast
    const secret = readFileSync(join(dataDir, "agent-secret"), "utf8").trim()
    const client = yield* Clients.client(url, { secret, modern: task.version === "2026-07-28" })
    const work = Effect.andThen(client.tools, client.call("test-tool"))
    const again = (left: number): Effect.Effect<unknown, unknown> =>
      Effect.catch(work, (error) => {
        const scope = /takes the scope "([^"]*)"/.exec(error.message)?.[1]
        const wanted = scope !== undefined || /refused the token|token/.test(error.message)
        if (!interactive || !wanted || left === 0) return Effect.fail(error)
        return logIn(...(scope === undefined ? [] : ["--scope", scope])).pipe(
          Effect.andThen(Effect.ignore(run(dataDir, "token", "refresh"))),
          Effect.andThen(again(left - 1))
        )
      })
    yield* again(maxNewLogins)
  }).pipe(Effect.scoped, Effect.provide(Layer.fresh(holdfast)))
}, Effect.scoped)
