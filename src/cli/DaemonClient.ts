/** The running daemon: commands call its admin API with the admin secret, once it is proven. */
import { NodeHttpClient } from "@effect/platform-node"
import { Context, Effect, FileSystem, Layer, Option, Path, Redacted, Schema, Stream } from "effect"
import { Command } from "effect/cli"
import { HttpClient, type HttpClientError, HttpClientRequest } from "effect/http"
import { HttpApiClient, HttpApiMiddleware } from "effect/http-api"
import { AdminAccess, AdminApi } from "../admin/AdminApi.ts"
import type { BadRequest, Conflict, NotFound, Unauthorized, Unavailable } from "../admin/AdminErrors.ts"
import { provenDaemon } from "../storage/ProvenDaemon.ts"
import { daemonDirectory } from "./configuration.ts"
import { CommandFailed, NoDaemon, notProven } from "./Failures.ts"

type Client = HttpApiClient.ForApi<typeof AdminApi>

type AskFailure =
  | BadRequest
  | Conflict
  | NotFound
  | Unauthorized
  | Unavailable
  | HttpClientError.HttpClientError
  | Schema.SchemaError

const readSecret = Effect.fnUntraced(function*(dataDir: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(dataDir, "admin-secret")
  return yield* fs.readFileString(file).pipe(
    Effect.map((text) => Redacted.make(text.trim())),
    Effect.mapError(() => new CommandFailed({ message: `cannot read ${file}: run this as the daemon's user` }))
  )
})

/** Longer than a token's source may take. */
const timeout = "60 seconds"

const timedOut = (baseUrl: string) =>
  new CommandFailed({ message: `the daemon at ${baseUrl} has not answered for a minute` })

const clientAt = (baseUrl: string, secret: Redacted.Redacted) =>
  HttpApiClient.make(AdminApi, { baseUrl }).pipe(
    Effect.provide(HttpApiMiddleware.layerClient(
      AdminAccess,
      ({ next, request }) => next(HttpClientRequest.bearerToken(request, secret))
    ))
  )

export class DaemonClient extends Context.Service<DaemonClient, {
  /** Connects when it is called, so that a command reports a usage error before a missing daemon. */
  readonly ask: <A>(
    question: (client: Client) => Effect.Effect<A, AskFailure>
  ) => Effect.Effect<A, NoDaemon | CommandFailed>
  /** The text at a path of the admin API. */
  readonly read: (path: string, accept: string) => Effect.Effect<string, NoDaemon | CommandFailed>
  /** The same as it comes, for as long as the daemon gives it. */
  readonly stream: (path: string, accept: string) => Stream.Stream<Uint8Array, NoDaemon | CommandFailed>
}>()("holdfast/cli/DaemonClient") {
  static readonly layer = (dataDir: string) =>
    Layer.effect(
      DaemonClient,
      Effect.gen(function*() {
        const services = yield* Effect.context<FileSystem.FileSystem | Path.Path | HttpClient.HttpClient>()

        const ask = Effect.fn("DaemonClient.ask")(
          function*<A>(question: (client: Client) => Effect.Effect<A, AskFailure>) {
            const { url } = yield* Effect.mapError(provenDaemon(dataDir), notProven(dataDir))
            const baseUrl = new URL(url).origin
            const client = yield* clientAt(baseUrl, yield* readSecret(dataDir))
            return yield* question(client).pipe(
              Effect.mapError(toFailure(dataDir, baseUrl)),
              Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.fail(timedOut(baseUrl)) })
            )
          },
          Effect.provideContext(services)
        )

        const found = Effect.gen(function*() {
          const { url } = yield* Effect.mapError(provenDaemon(dataDir), notProven(dataDir))
          return { baseUrl: new URL(url).origin, secret: yield* readSecret(dataDir) }
        })

        /** Answers with an error fail, in the daemon's own words. */
        const get = Effect.fnUntraced(function*(path: string, accept: string) {
          const { baseUrl, secret } = yield* found
          const request = HttpClientRequest.get(`${baseUrl}${path}`, { accept }).pipe(
            HttpClientRequest.bearerToken(secret)
          )
          const response = yield* Effect.mapError(HttpClient.execute(request), toFailure(dataDir, baseUrl))
          if (response.status === 200) return { baseUrl, response }
          if (response.status === 401) return yield* new CommandFailed({ message: otherSecret(dataDir) })
          const text = yield* Effect.orElseSucceed(response.text, () => "")
          return yield* new CommandFailed({ message: messageIn(text) ?? `${baseUrl} answered ${response.status}` })
        })

        return DaemonClient.of({
          ask,
          read: (path, accept) =>
            Effect.flatMap(
              get(path, accept),
              ({ baseUrl, response }) => Effect.mapError(response.text, toFailure(dataDir, baseUrl))
            ).pipe(Effect.provideContext(services)),
          stream: (path, accept) =>
            Stream.unwrap(Effect.map(
              get(path, accept),
              ({ response }) => Stream.mapError(response.stream, () => new NoDaemon({ dataDir }))
            )).pipe(Stream.provideContext(services))
        })
      })
    ).pipe(Layer.provide(NodeHttpClient.layerUndici))
}

const decodeMessage = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ message: Schema.String })))

const messageIn = (text: string): string | undefined =>
  Option.getOrUndefined(Option.map(decodeMessage(text), ({ message }) => message))

const otherSecret = (dataDir: string): string =>
  `the daemon does not take the secret in ${dataDir}/admin-secret, so the file has changed since its start: end the `
  + "process that endpoint.json there names (kill PID), and start it again"

const toFailure = (dataDir: string, baseUrl: string) => (error: AskFailure) => {
  switch (error._tag) {
    case "HttpClientError":
      return error.reason._tag === "TransportError"
        ? new NoDaemon({ dataDir })
        : new CommandFailed({ message: `${baseUrl} answers, but not as Holdfast's admin API: ${error.message}` })
    case "SchemaError":
      return new CommandFailed({
        message:
          `the daemon at ${baseUrl} answers as another version does: "holdfast restart" starts this one in its place`
      })
    case "Unauthorized":
      return new CommandFailed({ message: otherSecret(dataDir) })
    default:
      return new CommandFailed({ message: error.message })
  }
}

const layer = Layer.unwrap(Effect.map(daemonDirectory, DaemonClient.layer))

/** A command that asks the running daemon. Where none runs it says how to start one, and exits with 3. */
export const withDaemon = <const Name extends string, Input, ContextInput, E, R>(
  self: Command.Command<Name, Input, ContextInput, E, R>
) => Command.provide(self, layer)
