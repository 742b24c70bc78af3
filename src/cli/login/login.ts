import { NodeHttpClient } from "@effect/platform-node"
import { Console, Effect, FileSystem, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { namedSources } from "../../config/TokenSettings.ts"
import { AgentName } from "../../domain/Ids.ts"
import { hintFor } from "../../relay/link/Diagnosis.ts"
import { ConnectFailed } from "../../relay/RelayFailure.ts"
import { DataDirectory } from "../../storage/DataDirectory.ts"
import * as LoginFile from "../../token/sources/LoginFile.ts"
import * as LoginPlace from "../../token/sources/LoginPlace.ts"
import { TokenSourceFailed } from "../../token/sources/TokenSource.ts"
import { dataDirectory, settings } from "../configuration.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { CommandFailed, UsageError } from "../Failures.ts"
import * as flows from "./flows.ts"
import { loginTarget } from "./loginTarget.ts"
import { heldAt, waiting } from "./waiting.ts"

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
    agent: Flag.String("agent").pipe(
      Flag.withDescription("For this agent alone (default: for all that have no login of their own)"),
      Flag.withMetavar("NAME"),
      Flag.withSchema(AgentName),
      Flag.optional
    ),
    device: Flag.Boolean("device").pipe(
      Flag.withDescription("Show a code to enter in a browser on any machine, where this one has none"),
      Flag.withDefault(false)
    ),
    scope: Flag.String("scope").pipe(
      Flag.withDescription("Rights to ask for besides those that the relay and the last login name"),
      Flag.withMetavar("SCOPE"),
      Flag.optional
    )
  },
  Effect.fn(function*({ agent: one, clientId, clientSecretFile, device, issuer, relay, scope }) {
    const target = yield* loginTarget(Option.getOrUndefined(relay))
    const { id } = target
    const agent = Option.getOrUndefined(one)
    const own = agent === undefined ? undefined : target.token.agents?.[agent]
    const [first] = namedSources(own ?? target.token)
    if (first !== undefined) {
      const place = own === undefined ? "token" : `token.agents.${agent}`
      return yield* new UsageError({
        message: `the settings take the token of relay "${id}" from ${place}.${first}, so a login would not be used: `
          + "take that out, then log in"
      })
    }
    const said = Effect.mapError((error: { readonly message: string }) =>
      new CommandFailed({ message: explained(error, target.url) })
    )
    const client = yield* clientOf(clientId, clientSecretFile, issuer)
    const directory = DataDirectory.layerAt(yield* dataDirectory)
    const before = yield* Effect.provide(said(LoginFile.read(id, agent)), directory)
    const place = yield* said(LoginPlace.find({
      relay: target.url,
      issuer: Option.getOrUndefined(issuer),
      scope: Option.getOrUndefined(scope),
      before: Option.getOrUndefined(before)
    }))
    const options = { client, metadata: (yield* settings).login.clientMetadata }
    const login = (place: LoginPlace.LoginPlace) =>
      Effect.scoped(device ? flows.byDevice(place, options) : flows.byBrowser(place, options))
    const kept = yield* Effect.provide(said(flows.withLess(place, login)), directory)
    const held = yield* Effect.provide(heldAt(id, agent), DaemonClient.layer(yield* dataDirectory))
    yield* Effect.provide(LoginFile.write(id, kept, agent), directory)
    const lasting = kept.refreshToken === null
      ? "until its token ends: the server gave none to renew it with"
      : "from now on"
    const whom = agent === undefined ? "" : `agent ${agent} at `
    const who = kept.name === undefined ? "logged in" : `logged in as ${kept.name}`
    yield* Console.log(`${who} at ${kept.issuer}; Holdfast uses it for ${whom}relay "${id}" ${lasting}`)
    yield* Effect.forEach(waiting(id, kept, held), (line) => Console.log(line))
  }, Effect.scoped)
).pipe(
  Command.withDescription("Log in, with a browser, to a relay that asks for it"),
  Command.withExamples([{ command: "holdfast login", description: "Log in to the default relay" }, {
    command: "holdfast login --relay docs",
    description: "Log in to the relay called docs"
  }, { command: "holdfast login --device", description: "Log in from a machine without a browser" }]),
  Command.provide(NodeHttpClient.layerUndici)
)
