import { Console, Effect, Layer, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { shellWord } from "../clients/ClientEntry.ts"
import { dataDirectory, logging, settings } from "./configuration.ts"
import { embeddedRelay } from "./embeddedRelay.ts"
import { stopsBySignal } from "./exitCode.ts"
import { portFlag } from "./flags.ts"

export const relay = Command.make("relay", {
  port: portFlag.pipe(
    Flag.withDescription("Where it listens (default: as before, at first 4850); 0 picks a free one"),
    Flag.optional
  )
}, ({ port }) =>
  Effect.gen(function*() {
    const { embedded } = yield* settings
    const { socket, tokenFile, url } = yield* embeddedRelay(yield* dataDirectory, port, embedded.socket)
    yield* Console.log(`relay     ${url}`)
    if (Option.isSome(socket)) yield* Console.log(`socket    ${socket.value}`)
    yield* Console.log(`tokens    ${tokenFile}`)
    yield* Console.log(`daemon    HOLDFAST_TOKEN_FILE=${shellWord(tokenFile)} holdfast serve --relay ${url}`)
    return yield* Effect.never
  }).pipe(Effect.scoped, Effect.provide(Layer.unwrap(Effect.map(settings, logging))), stopsBySignal)).pipe(
    Command.withDescription("Run the embedded relay by itself: messages and workspaces for the agents of one machine"),
    Command.withExamples([{
      command: "holdfast relay --port 4850",
      description: "Run it, and print how a daemon uses it"
    }])
  )
