/** A subcommand that prints what to paste; notes go to standard error, so that the output can be piped. */
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import type { Client } from "../../clients/Client.ts"
import { forAgent } from "../../clients/ClientEntry.ts"
import { AgentName } from "../../domain/Ids.ts"
import { endpointEntry } from "./endpointEntry.ts"

const agentFlag = Flag.String("agent").pipe(
  Flag.withDescription(
    "For this agent, which \"holdfast agents add\" made: the entry runs \"holdfast stdio\", with no secret"
  ),
  Flag.withMetavar("NAME"),
  Flag.withSchema(AgentName),
  Flag.optional
)

export const snippet = <const Name extends string>(name: Name, { snippet, title }: Client) =>
  Command.make(name, { agent: agentFlag }, ({ agent }) =>
    Effect.gen(function*() {
      const entry = yield* endpointEntry
      const made = snippet?.(Option.match(agent, { onNone: () => entry, onSome: (name) => forAgent(entry, name) }))
      if (made?.note !== undefined) yield* Console.error(made.note)
      yield* Console.log(made?.text ?? "")
    })).pipe(
      Command.withDescription(`The entry for ${title}`),
      Command.withExamples([
        { command: `holdfast config ${name}`, description: `Print the entry for ${title}` },
        { command: `holdfast config ${name} --agent reviewer`, description: "Print it for an agent that was added" }
      ])
    )
