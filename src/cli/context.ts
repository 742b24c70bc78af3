import { Console, DateTime, Effect, Option, Path } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { contextEvents, ContextView } from "../admin/ContextView.ts"
import type { ContextState } from "../context/ContextState.ts"
import { DaemonClient, withDaemon } from "./DaemonClient.ts"
import { UsageError } from "./Failures.ts"
import { agentFlag, jsonFlag } from "./flags.ts"
import { printJson } from "./print.ts"

const formatState = (state: ContextState): string =>
  state._tag === "Shared" ? "shared checkout" : `worktree ${state.path} on ${state.branch}: ${state.phase}`

const print = Effect.fnUntraced(function*(view: ContextView) {
  yield* Console.log(`${view.agent}: ${formatState(view.state)}`)
  yield* Console.log(`facts: ${view.facts.length === 0 ? "none" : view.facts.join(", ")}`)
  for (const { at, cause, event, state } of view.history) {
    yield* Console.log(`  ${DateTime.formatIso(at)}  ${event} (${cause}) → ${formatState(state)}`)
  }
})

const show = Command.make(
  "show",
  { agent: agentFlag, json: jsonFlag },
  Effect.fn(function*({ agent, json }) {
    const daemon = yield* DaemonClient
    const view = yield* daemon.ask((client) => client.context.show({ query: { agent } }))
    yield* json ? printJson(ContextView)(view) : print(view)
  })
).pipe(
  Command.withDescription("Show where the agent works, and its last changes"),
  Command.withExamples([{ command: "holdfast context show", description: "Show checkout or worktree, and facts" }]),
  withDaemon
)

const send = Command.make(
  "send",
  {
    event: Argument.Literals("event", contextEvents).pipe(Argument.withDescription(contextEvents.join(", "))),
    path: Flag.String("path").pipe(
      Flag.withDescription("The worktree (Attach)"),
      Flag.withMetavar("PATH"),
      Flag.optional
    ),
    branch: Flag.String("branch").pipe(
      Flag.withDescription("Its branch (Attach)"),
      Flag.withMetavar("BRANCH"),
      Flag.optional
    ),
    fact: Flag.String("fact").pipe(
      Flag.withDescription("One of context.facts (SetFact, ClearFact)"),
      Flag.withMetavar("NAME"),
      Flag.optional
    ),
    agent: agentFlag,
    json: jsonFlag
  },
  Effect.fn(function*({ event, path, branch, fact, agent, json }) {
    const given = [path, branch].filter(Option.isSome).length
    if (given !== (event === "Attach" ? 2 : 0)) {
      return yield* new UsageError({
        message: event === "Attach" ? "Attach needs --path and --branch" : `--path and --branch go with Attach only`
      })
    }
    if (Option.isSome(fact) !== (event === "SetFact" || event === "ClearFact")) {
      return yield* new UsageError({ message: "--fact goes with SetFact and ClearFact, which need it" })
    }
    const daemon = yield* DaemonClient
    const { resolve } = yield* Path.Path
    const view = yield* daemon.ask((client) =>
      client.context.send({
        payload: {
          agent,
          event,
          path: Option.getOrUndefined(Option.map(path, (path) => resolve(path))),
          branch: Option.getOrUndefined(branch),
          fact: Option.getOrUndefined(fact)
        }
      })
    )
    yield* json ? printJson(ContextView)(view) : print(view)
  })
).pipe(
  Command.withDescription("Report what happened to the agent's worktree, or that a fact holds; its tools follow"),
  Command.withExamples([
    {
      command: "holdfast context send Attach --path /src/app-login --branch login",
      description: "The agent works in a worktree now"
    },
    { command: "holdfast context send Merge", description: "Its branch was merged" },
    { command: "holdfast context send SetFact --fact onCall", description: "A fact of context.facts holds" }
  ]),
  withDaemon
)

export const context = Command.make("context").pipe(
  Command.withDescription("Where an agent works: in the shared checkout, or in a worktree of its own"),
  Command.withExamples([{ command: "holdfast context show", description: "Show checkout or worktree, and facts" }]),
  Command.withSubcommands([show, send])
)
