/** A subcommand that prints what to paste; notes go to standard error, so that the output can be piped. */
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import type { Client } from "../../clients/Client.ts"
import { endpointEntry } from "./endpointEntry.ts"

export const snippet = <const Name extends string>(name: Name, { snippet, title }: Client) =>
  Command.make(name, {}, () =>
    Effect.gen(function*() {
      const made = snippet?.(yield* endpointEntry)
      if (made?.note !== undefined) yield* Console.error(made.note)
      yield* Console.log(made?.text ?? "")
    })).pipe(Command.withDescription(`The entry for ${title}`))
