import { NodeHttpClient } from "@effect/platform-node"
import { Console, Effect, FileSystem, Option, Result } from "effect"
import { Command, Flag } from "effect/cli"
import { relayTargets } from "../../config/Settings.ts"
import { namedSources } from "../../config/TokenSettings.ts"
import { defaultRelay } from "../../domain/Ids.ts"
import { hintFor } from "../../relay/link/Diagnosis.ts"
import { ConnectFailed } from "../../relay/RelayFailure.ts"
import { DataDirectory } from "../../storage/DataDirectory.ts"
import * as Authorization from "../../token/sources/Authorization.ts"
import * as LoginFile from "../../token/sources/LoginFile.ts"
import * as LoginPlace from "../../token/sources/LoginPlace.ts"
import { TokenSourceFailed } from "../../token/sources/TokenSource.ts"
import { dataDirectory, settings, settingsWith } from "../configuration.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { CommandFailed, UsageError } from "../Failures.ts"
import { callback } from "./callback.ts"
import { heldAt, waiting } from "./waiting.ts"

// The relay that a login is for: by its name, by its URL, or the only one that there is.

/** Of the running daemon: a flag may have named one that no setting does. */
const served = Effect.gen(function*() {
  const { token } = yield* settings
  const { ask } = yield* DaemonClient
  const asked = yield* Effect.result(ask((client) => client.status()))
  if (Result.isFailure(asked)) return []
  return asked.success.relays.map(({ id, url }) => ({ id, url: new URL(url), token: id === defaultRelay ? token : {} }))
})

const loginTarget = Effect.fnUntraced(function*(named: string | undefined) {
  const url = named?.includes("://") === true ? named : undefined
  const configured = relayTargets(yield* settingsWith({ relay: url, port: undefined }))
  const running = url === undefined ? yield* Effect.provide(served, DaemonClient.layer(yield* dataDirectory)) : []
  const all = [...configured, ...running.filter(({ id }) => !configured.some((one) => one.id === id))]
  const wanted = url === undefined && named !== undefined ? named : defaultRelay
  const found = all.find(({ id }) => id === wanted)
  if (found !== undefined) return found
  const [only] = all
  if (named === undefined && only !== undefined && all.length === 1) return only
  const names = all.map(({ id }) => id).join(", ")
  if (all.length === 0) {
    return yield* new UsageError({
      message: "which relay? None is configured, and no daemon serves one: name its URL, \"holdfast login --relay URL\""
    })
  }
  return yield* new UsageError({
    message: named === undefined
      ? `which relay? Name one with --relay: ${names}`
      : `no relay is called "${wanted}"; there is ${names}: name one of them, or the default relay's URL, with --relay`
  })
})

const timeout = "10 minutes"

const clientOf = Effect.fnUntraced(function*(
  id: Option.Option<string>,
  secretFile: Option.Option<string>,
  issuer: Option.Option<string>
) {
  if (Option.isNone(id)) {
    return Option.isNone(secretFile)
      ? undefined
      : yield* new UsageError({ message: "--client-secret-file needs --client-id: whose secret is it?" })
  }
  if (Option.isNone(secretFile)) return { id: id.value }
  if (Option.isNone(issuer)) {
    return yield* new UsageError({
      message: "--client-secret-file needs --issuer: a relay must not choose who is sent that secret"
    })
  }
  const fs = yield* FileSystem.FileSystem
  const secret = yield* Effect.mapError(
    fs.readFileString(secretFile.value),
    () => new CommandFailed({ message: `${secretFile.value} cannot be read` })
  )
  return { id: id.value, secret: secret.trim() }
})

/** With what to try where the relay cannot be reached; without a code that says the same as the words. */
const explained = (error: { readonly message: string }, relay: URL): string => {
  if (!(error instanceof TokenSourceFailed)) return error.message
  if (error.code === "no login") return error.hint
  const hint = error.code === "unreachable" ? hintFor(new ConnectFailed({ detail: error.hint }), relay) : undefined
  return hint === undefined ? error.message : `${error.message}: ${hint}`
}

export const login = Command.make(
  "login",
  {
    relay: Flag.String("relay").pipe(
      Flag.withDescription(
        "The relay's name, or the default relay's URL (default: the default relay, or the only one)"
      ),
      Flag.withMetavar("NAME|URL"),
      Flag.optional
    ),
    clientId: Flag.String("client-id").pipe(
      Flag.withDescription("A client that the server knows, or the URL of its metadata (default: registers one)"),
      Flag.withMetavar("ID"),
      Flag.optional
    ),
    clientSecretFile: Flag.String("client-secret-file").pipe(
      Flag.withDescription("A file with that client's secret, where it has one"),
      Flag.withMetavar("FILE"),
      Flag.optional
    ),
    issuer: Flag.String("issuer").pipe(
      Flag.withDescription("The only authorization server to log in at (default: the one that the relay names)"),
      Flag.withMetavar("URL"),
      Flag.optional
    ),
    scope: Flag.String("scope").pipe(
      Flag.withDescription("Rights to ask for besides those that the relay and the last login name"),
      Flag.withMetavar("SCOPE"),
      Flag.optional
    )
  },
  Effect.fn(function*({ clientId, clientSecretFile, issuer, relay, scope }) {
    const target = yield* loginTarget(Option.getOrUndefined(relay))
    const { id } = target
    const [first] = namedSources(target.token)
    if (first !== undefined) {
      return yield* new UsageError({
        message: `the settings take the token of relay "${id}" from token.${first}, so a login would not be used: `
          + "take that out, then log in"
      })
    }
    const said = Effect.mapError((error: { readonly message: string }) =>
      new CommandFailed({ message: explained(error, target.url) })
    )
    const client = yield* clientOf(clientId, clientSecretFile, issuer)
    const directory = DataDirectory.layerAt(yield* dataDirectory)
    const before = yield* Effect.provide(said(LoginFile.read(id)), directory)
    const place = yield* said(LoginPlace.find({
      relay: target.url,
      issuer: Option.getOrUndefined(issuer),
      scope: Option.getOrUndefined(scope),
      before: Option.getOrUndefined(before)
    }))
    const { query, redirectUri } = yield* callback
    const begun = yield* said(Authorization.begin({ place, redirectUri, client }))
    yield* Console.log(`Open this address in a browser on this machine, and agree:\n\n  ${begun.url}\n`)
    const came = yield* Effect.timeoutOption(query, timeout)
    if (Option.isNone(came)) {
      return yield* new CommandFailed({ message: "nobody agreed within 10 minutes; start again" })
    }
    const kept = yield* said(begun.complete(came.value))
    const held = yield* Effect.provide(heldAt(id), DaemonClient.layer(yield* dataDirectory))
    yield* Effect.provide(LoginFile.write(id, kept), directory)
    const lasting = kept.refreshToken === null
      ? "until its token ends: the server gave none to renew it with"
      : "from now on"
    const who = kept.name === undefined ? "logged in" : `logged in as ${kept.name}`
    yield* Console.log(`${who} at ${kept.issuer}; Holdfast uses it for relay "${id}" ${lasting}`)
    yield* Effect.forEach(waiting(id, kept, held), (line) => Console.log(line))
  }, Effect.scoped)
).pipe(
  Command.withDescription("Log in, with a browser, to a relay that asks for it"),
  Command.withExamples([{ command: "holdfast login", description: "Log in to the default relay" }, {
    command: "holdfast login --relay docs",
    description: "Log in to the relay called docs"
  }]),
  Command.provide(NodeHttpClient.layerUndici)
)
