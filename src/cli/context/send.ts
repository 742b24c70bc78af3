import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { contextEvents, ContextView } from "../../admin/ContextView.ts"
import { agentFlag } from "../agentFlag.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { UsageError } from "../Failures.ts"
import { jsonFlag } from "../jsonFlag.ts"
import { printJson } from "../printJson.ts"
import { withDaemon } from "../withDaemon.ts"
import { printContext } from "./print.ts"

export const send = Command.make(
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
    const view = yield* daemon.ask((client) =>
      client.context.send({
        payload: {
          agent,
          event,
          path: Option.getOrUndefined(path),
          branch: Option.getOrUndefined(branch),
          fact: Option.getOrUndefined(fact)
        }
      })
    )
    yield* json ? printJson(ContextView)(view) : printContext(view)
  })
).pipe(
  Command.withDescription("Tell what became of the agent's worktree, or that a fact holds; its menu follows"),
  withDaemon
)
