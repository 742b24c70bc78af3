/** `ID… | --all [--agent A] [--state S] [--reason R]`: which entries a command is about, and why. */
import { Effect, Option } from "effect"
import { Argument, Flag } from "effect/cli"
import type { Selection } from "../../admin/AdminApi.ts"
import type { AgentName } from "../../domain/Ids.ts"
import type { EntryState } from "../../outbox/Entry.ts"
import { optionalAgentFlag } from "../agentFlag.ts"
import { UsageError } from "../Failures.ts"

export const selectionParameters = <const States extends ReadonlyArray<EntryState>>(states: States) => ({
  ids: Argument.Int("id").pipe(Argument.withDescription("Ids, as \"outbox list\" shows them"), Argument.variadic()),
  all: Flag.Boolean("all").pipe(
    Flag.withDescription("Every entry that the other flags leave"),
    Flag.withDefault(false)
  ),
  agent: optionalAgentFlag,
  state: Flag.Literals("state", states).pipe(Flag.withDescription("Only entries in this state"), Flag.optional),
  reason: Flag.String("reason").pipe(
    Flag.withDescription("Why, for the log"),
    Flag.withMetavar("WORDS"),
    Flag.optional
  )
})

export const toSelection = Effect.fnUntraced(function*(given: {
  readonly ids: ReadonlyArray<number>
  readonly all: boolean
  readonly agent: Option.Option<AgentName>
  readonly state: Option.Option<EntryState>
  readonly reason: Option.Option<string>
}): Effect.fn.Return<Selection, UsageError> {
  const [first, ...rest] = given.ids
  const reason = Option.getOrUndefined(given.reason)
  if (given.all === (first !== undefined)) {
    return yield* new UsageError({ message: "name either ids or --all" })
  }
  if (first === undefined) {
    return { all: true, agent: Option.getOrUndefined(given.agent), state: Option.getOrUndefined(given.state), reason }
  }
  if (Option.isSome(given.agent) || Option.isSome(given.state)) {
    return yield* new UsageError({ message: "--agent and --state go with --all; an id names its entry by itself" })
  }
  return { ids: [first, ...rest], reason }
})
