import { NodeHttpClient } from "@effect/platform-node"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { relayTargets } from "../../config/Settings.ts"
import { defaultRelay, RelayId } from "../../domain/Ids.ts"
import { DataDirectory } from "../../storage/DataDirectory.ts"
import * as Authorization from "../../token/sources/Authorization.ts"
import * as LoginFile from "../../token/sources/LoginFile.ts"
import { dataDirectory, settingsWith } from "../configuration.ts"
import { CommandFailed, UsageError } from "../Failures.ts"
import { callback } from "./callback.ts"

const patience = "10 minutes"

export const login = Command.make(
  "login",
  {
    relay: Flag.String("relay").pipe(
      Flag.withDescription("The relay's name, or the default relay's URL (default: the default relay)"),
      Flag.withMetavar("NAME|URL"),
      Flag.optional
    ),
    clientId: Flag.String("client-id").pipe(
      Flag.withDescription("A client that the server knows, or the URL of its metadata (default: registers one)"),
      Flag.withMetavar("ID"),
      Flag.optional
    )
  },
  Effect.fn(function*({ clientId, relay }) {
    const named = Option.getOrUndefined(relay)
    const url = named?.includes("://") === true ? named : undefined
    const targets = relayTargets(yield* settingsWith({ relay: url, port: undefined }))
    const id = url === undefined && named !== undefined ? named : defaultRelay
    const target = targets.find((one) => one.id === id)
    if (target === undefined) {
      return yield* new UsageError({ message: `no relay is called "${id}": name one with --relay, by its name or URL` })
    }
    const said = Effect.mapError((error: { readonly message: string }) => new CommandFailed({ message: error.message }))
    const { query, redirectUri } = yield* callback
    const begun = yield* said(
      Authorization.begin({ relay: target.url, redirectUri, clientId: Option.getOrUndefined(clientId) })
    )
    yield* Console.log(`Open this address in a browser on this machine, and agree:\n\n  ${begun.url}\n`)
    const came = yield* Effect.timeoutOption(query, patience)
    if (Option.isNone(came)) {
      return yield* new CommandFailed({ message: "nobody agreed within 10 minutes; start again" })
    }
    const kept = yield* said(begun.complete(came.value))
    yield* LoginFile.write(RelayId.make(id), kept).pipe(
      Effect.provide(DataDirectory.layerAt(yield* dataDirectory))
    )
    const lasting = kept.refreshToken === null
      ? "until its token ends: the server gave none to renew it with"
      : "from now on"
    yield* Console.log(`logged in at ${kept.issuer}; Holdfast uses it for relay "${id}" ${lasting}`)
  }, Effect.scoped)
).pipe(
  Command.withDescription("Log in, with a browser, to a relay that asks for it"),
  Command.provide(NodeHttpClient.layerUndici)
)
