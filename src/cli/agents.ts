import { Console, Effect, Schema } from "effect"
import { Argument, Command } from "effect/cli"
import { AgentView, NewAgent } from "../admin/AgentView.ts"
import { AgentName } from "../domain/Ids.ts"
import { DaemonClient, withDaemon } from "./DaemonClient.ts"
import { jsonFlag } from "./flags.ts"
import { printJson, table } from "./print.ts"

const nameArgument = Argument.String("name").pipe(
  Argument.withDescription("1 to 64 letters, digits, dots, dashes or underscores, a letter or digit first"),
  Argument.withSchema(AgentName)
)

const rows = (views: ReadonlyArray<AgentView>) =>
  views.map(({ agent, sessions, state, undelivered }) => [agent, state, String(sessions), String(undelivered)])

const list = Command.make(
  "list",
  { json: jsonFlag },
  Effect.fn(function*({ json }) {
    const daemon = yield* DaemonClient
    const views = yield* daemon.ask((client) => client.agents.list())
    yield* json
      ? printJson(Schema.Array(AgentView))(views)
      : Console.log(table(["AGENT", "STATE", "SESSIONS", "UNDELIVERED"], rows(views)))
  })
).pipe(
  Command.withDescription("List the agents, and removed ones whose queue is not empty yet"),
  Command.withExamples([{ command: "holdfast agents list", description: "Show sessions and queue of each agent" }]),
  withDaemon
)

const usage = (agent: AgentName): string => `
Start a client as this agent; it needs no secret:
  holdfast exec --agent ${agent} -- claude

Or print the entry for its configuration (also codex, gemini, cursor, vscode, json):
  holdfast config claude --agent ${agent}

A program that connects by itself sends the secret as a bearer token.`

/** Only the secret goes to standard output, so that it can be piped to where it belongs. */
const add = Command.make(
  "add",
  { name: nameArgument, json: jsonFlag },
  Effect.fn(function*({ name, json }) {
    const daemon = yield* DaemonClient
    const added = yield* daemon.ask((client) => client.agents.add({ payload: { agent: name } }))
    if (json) return yield* printJson(NewAgent)(added)
    yield* Console.error(`Agent ${added.agent} is added. Its secret is shown only now:`)
    yield* Console.log(added.secret)
    yield* Console.error(usage(added.agent))
  })
).pipe(
  Command.withDescription("Add an agent, print its new secret once, and say how to use it"),
  Command.withExamples([
    { command: "holdfast agents add reviewer", description: "Add an agent and show its secret" },
    { command: "holdfast agents add reviewer >reviewer-secret", description: "Write only the secret to a file" }
  ]),
  withDaemon
)

const removed = ({ agent, undelivered }: AgentView): string =>
  undelivered === 0
    ? `agent ${agent} is removed`
    : `agent ${agent} is removed; ${undelivered} queued calls stay until they are delivered or discarded, and its name `
      + "is taken until then"

const remove = Command.make(
  "remove",
  { name: nameArgument, json: jsonFlag },
  Effect.fn(function*({ name, json }) {
    const daemon = yield* DaemonClient
    const view = yield* daemon.ask((client) => client.agents.remove({ params: { agent: name } }))
    yield* json ? printJson(AgentView)(view) : Console.log(removed(view))
  })
).pipe(
  Command.withDescription("Remove an agent: its sessions end, its queued calls are still delivered"),
  Command.withExamples([{ command: "holdfast agents remove reviewer", description: "End its sessions" }]),
  withDaemon
)

export const agents = Command.make("agents").pipe(
  Command.withDescription("Who may connect: each agent has its own secret, context, sessions and queue"),
  Command.withExamples([{ command: "holdfast agents add reviewer", description: "Add an agent and show its secret" }]),
  Command.withSubcommands([list, add, remove])
)
