/** A subcommand that prints what to paste; notes go to standard error, so that the output can be piped. */
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { type ClientEntry, exportLine } from "./ClientEntry.ts"
import { endpointEntry } from "./endpointEntry.ts"

export const textSnippet = <const Name extends string>(
  name: Name,
  description: string,
  text: (entry: ClientEntry) => string
) =>
  Command.make(name, {}, () => Effect.flatMap(endpointEntry, (entry) => Console.log(text(entry)))).pipe(
    Command.withDescription(description)
  )

export const jsonSnippet = <const Name extends string>(
  name: Name,
  description: string,
  document: (entry: ClientEntry) => object,
  note: (entry: ClientEntry) => string
) =>
  Command.make(name, {}, () =>
    Effect.gen(function*() {
      const entry = yield* endpointEntry
      yield* Console.error(note(entry))
      yield* Console.log(JSON.stringify(document(entry), null, 2))
    })).pipe(Command.withDescription(description))

export const mergeInto = (file: string, key: string) => (entry: ClientEntry): string =>
  `Merge into ${file}: add the holdfast entry to "${key}" where there is one. Then start the client with\n`
  + exportLine(entry)
