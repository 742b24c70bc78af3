/** `outbox retry` and `discard`: both take `ID… | --all [--agent A] [--state S]`, and `--reason R` for the log. */
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag, Prompt, TerminalCapabilities } from "effect/cli"
import { Done, type Selection } from "../../admin/AdminApi.ts"
import type { AgentName } from "../../domain/Ids.ts"
import type { EntryState } from "../../outbox/Entry.ts"
import { DaemonClient, withDaemon } from "../DaemonClient.ts"
import { CommandFailed, UsageError } from "../Failures.ts"
import { jsonFlag, optionalAgentFlag } from "../flags.ts"
import { printJson } from "../print.ts"

const parameters = <const States extends ReadonlyArray<EntryState>>(states: States) => ({
  ids: Argument.Int("id").pipe(Argument.withDescription("Ids, as \"outbox list\" shows them"), Argument.variadic()),
  all: Flag.Boolean("all").pipe(
    Flag.withDescription("Every entry that --agent and --state leave"),
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

const toSelection = Effect.fnUntraced(function*(given: {
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

/** Prints what was done. Fails where a named entry was not changed. */
const report = Effect.fnUntraced(function*(
  done: ReadonlyArray<number>,
  selection: Selection,
  words: { readonly done: string; readonly not: string }
) {
  if (done.length > 0) yield* Console.log(`${words.done}: ${done.join(", ")}`)
  if ("all" in selection) {
    if (done.length === 0) yield* Console.log("nothing there")
    return
  }
  const left = selection.ids.filter((id) => !done.includes(id))
  if (left.length > 0) return yield* new CommandFailed({ message: `${words.not}: ${left.join(", ")}` })
})

export const retry = Command.make(
  "retry",
  { ...parameters(["held", "dead"]), json: jsonFlag },
  Effect.fn(function*({ json, ...given }) {
    const selection = yield* toSelection(given)
    const daemon = yield* DaemonClient
    const done = yield* daemon.ask((client) => client.outbox.retry({ payload: selection }))
    if (json) return yield* printJson(Done)(done)
    yield* report(done.ids, selection, { done: "back in line", not: "neither dead nor held, or not there" })
  })
).pipe(
  Command.withDescription("Put dead and held calls back in line, at the tail of their lane"),
  Command.withExamples([
    { command: "holdfast outbox retry 42 43", description: "Send two calls again" },
    { command: "holdfast outbox retry --all --state dead", description: "Send every dead letter again" }
  ]),
  withDaemon
)

/** Discarded calls are gone: a person confirms `--all`, a script says `--yes`. */
const confirm = Effect.fnUntraced(function*(selection: Selection, interactive: boolean) {
  if (!("all" in selection)) return
  const { canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
  if (!canPrompt || !interactive) {
    return yield* new UsageError({
      message: "discard --all removes calls for good: add --yes, or name ids; \"holdfast outbox export\" keeps a copy"
    })
  }
  const which = `${selection.state === undefined ? "pending, held and dead" : selection.state} call`
  const whose = selection.agent === undefined ? "of all agents" : `of agent ${selection.agent}`
  const sure = yield* Prompt.run(Prompt.Confirm({ message: `Remove every ${which} ${whose} for good?` })).pipe(
    Effect.orElseSucceed(() => false)
  )
  if (!sure) return yield* new CommandFailed({ message: "nothing was discarded" })
})

export const discard = Command.make(
  "discard",
  {
    ...parameters(["pending", "held", "dead"]),
    yes: Flag.Boolean("yes").pipe(Flag.withDescription("Do not ask before --all"), Flag.withDefault(false)),
    json: jsonFlag
  },
  Effect.fn(function*({ json, yes, ...given }) {
    const selection = yield* toSelection(given)
    if (!yes) yield* confirm(selection, !json)
    const daemon = yield* DaemonClient
    const done = yield* daemon.ask((client) => client.outbox.discard({ payload: selection }))
    if (json) return yield* printJson(Done)(done)
    yield* report(done.ids, selection, { done: "discarded", not: "in flight, delivered, or not there" })
  })
).pipe(
  Command.withDescription("Remove pending, held and dead calls: they are not sent"),
  Command.withExamples([
    { command: "holdfast outbox discard 42 --reason \"sent by hand\"", description: "Remove one call" },
    { command: "holdfast outbox discard --all --state dead --yes", description: "Remove every dead letter, unasked" }
  ]),
  withDaemon
)
