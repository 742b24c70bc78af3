/** A command that speaks to the running daemon; without one it says how to start one, and exits with 3. */
import { Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { dataDirectory } from "./configuration.ts"
import { DaemonClient } from "./DaemonClient.ts"

const layer = Layer.unwrap(Effect.map(dataDirectory, DaemonClient.layer))

export const withDaemon = <const Name extends string, Input, ContextInput, E, R>(
  self: Command.Command<Name, Input, ContextInput, E, R>
) => Command.provide(self, layer)
