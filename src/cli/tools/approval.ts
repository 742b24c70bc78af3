/** `tools diff` and `tools approve`: what relays offer that nobody has approved, shown in full, and approved as shown. */
import { Console, Effect, Option, Schema } from "effect"
import { Argument, Command, Flag, Prompt, TerminalCapabilities } from "effect/cli"
import { type ChangeView, type UnapprovedTool, UnapprovedTools } from "../../admin/UnapprovedTools.ts"
import { RelayId } from "../../domain/Ids.ts"
import * as Screen from "../../observability/Screen.ts"
import { DaemonClient, withDaemon } from "../DaemonClient.ts"
import { CommandFailed, UsageError } from "../Failures.ts"
import { jsonFlag } from "../flags.ts"
import { colors, formatAge, now, type Paint, printJson } from "../print.ts"

const parameters = {
  names: Argument.String("name").pipe(Argument.withDescription("Only these tools"), Argument.variadic()),
  relay: Flag.String("relay").pipe(
    Flag.withDescription("Only this relay"),
    Flag.withMetavar("NAME"),
    Flag.withSchema(RelayId),
    Flag.optional
  )
}

const printViews = printJson(Schema.Array(UnapprovedTools))

/** What waits for approval, of these names or of all; a name that does not wait is an error. */
const ask = Effect.fnUntraced(function*(names: ReadonlyArray<string>, relay: Option.Option<RelayId>) {
  const daemon = yield* DaemonClient
  const query = Option.match(relay, { onNone: () => ({}), onSome: (relay) => ({ relay }) })
  const views = yield* daemon.ask((client) => client.tools.unapproved({ query }))
  const known = new Set(views.flatMap(({ tools }) => tools.map(({ name }) => name)))
  const missing = names.filter((name) => !known.has(name))
  if (missing.length > 0) {
    return yield* new CommandFailed({
      message: `no relay offers an unapproved tool called ${missing.map((name) => JSON.stringify(name)).join(", ")}`
    })
  }
  return names.length === 0 ? views : views.map((view) => ({
    ...view,
    tools: view.tools.filter(({ name }) => names.includes(name))
  }))
})

// How definitions are shown: each line of a relay's text stands behind a sign, so that none can pass for one of ours.

const shown = (text: string): string => Screen.revealed(Screen.oneLine(text))

const side = (sign: "-" | "+", text: string | null, paint: Paint): ReadonlyArray<string> =>
  text === null ?
    [] :
    text.split(/\r\n|[\n\r\u2028\u2029]/).map((line) =>
      paint(sign === "-" ? "red" : "green", `    ${sign} ${shown(line)}`)
    )

const formatChange = ({ approved, offered, path }: ChangeView, paint: Paint): ReadonlyArray<string> => [
  `  ${path === "" ? "the definition" : shown(path)}`,
  ...side("-", approved, paint),
  ...side("+", offered, paint)
]

const formatTool = Effect.fnUntraced(function*(tool: UnapprovedTool, paint: Paint) {
  const at = yield* now
  const since = tool.approvedAt === null ? "" : ` since it was approved ${formatAge(at, tool.approvedAt)} ago`
  const offered = `offered to ${tool.agents.join(", ")} ${formatAge(at, tool.offeredAt)} ago`
  return [
    `${paint("bold", shown(tool.name))}  ${tool.state}${since}, ${offered}`,
    ...tool.changes.flatMap((change) => formatChange(change, paint))
  ]
})

const heading = ({ approved, pinned, relay, tools }: UnapprovedTools): string => {
  const count = (state: string) => tools.filter((tool) => tool.state === state).length
  return `relay ${relay}: ${count("changed")} changed, ${count("new")} new, ${approved} approved`
    + (pinned ? "" : "; not pinned (pinTools is not set), so nothing is held back")
}

const show = Effect.fnUntraced(function*(views: ReadonlyArray<UnapprovedTools>) {
  const paint = yield* colors
  for (const view of views) {
    yield* Console.log(heading(view))
    for (const tool of view.tools) yield* Console.log((yield* formatTool(tool, paint)).join("\n"))
  }
})

export const diff = Command.make(
  "diff",
  { ...parameters, json: jsonFlag },
  Effect.fn(function*({ json, names, relay }) {
    const views = yield* ask(names, relay)
    yield* json ? printViews(views) : show(views)
  })
).pipe(
  Command.withDescription("What differs from the definitions that were approved, and the tools that are new"),
  Command.withExamples([{ command: "holdfast tools diff", description: "Show all that waits for approval" }, {
    command: "holdfast tools diff search --relay docs",
    description: "Show one tool of one relay"
  }]),
  withDaemon
)

const confirm = Effect.fnUntraced(function*(count: number, interactive: boolean) {
  const { canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
  if (!canPrompt || !interactive) {
    return yield* new UsageError({
      message: "approve asks a person: run it on a terminal, or add --yes once \"holdfast tools diff\" was looked at"
    })
  }
  const message = `Approve ${count === 1 ? "this definition" : `these ${count} definitions`}?`
  const sure = yield* Prompt.run(Prompt.Confirm({ message })).pipe(Effect.orElseSucceed(() => false))
  if (!sure) return yield* new CommandFailed({ message: "nothing was approved" })
})

export const approve = Command.make(
  "approve",
  {
    ...parameters,
    all: Flag.Boolean("all").pipe(Flag.withDescription("Every tool that waits"), Flag.withDefault(false)),
    yes: Flag.Boolean("yes").pipe(
      Flag.withDescription("Do not ask: approve what is offered now"),
      Flag.withDefault(false)
    ),
    json: jsonFlag
  },
  Effect.fn(function*({ all, json, names, relay, yes }) {
    if (all === names.length > 0) return yield* new UsageError({ message: "name the tools, or give --all" })
    const views = (yield* ask(names, relay)).filter(({ tools }) => tools.length > 0)
    if (!json) yield* show(views)
    const count = views.reduce((sum, { tools }) => sum + tools.length, 0)
    if (count > 0 && !yes) yield* confirm(count, !json)
    const daemon = yield* DaemonClient
    const after: Array<UnapprovedTools> = []
    for (const { relay, tools } of views) {
      // By fingerprint: what the relay changed since it was shown stays held back.
      const [first, ...others] = tools.map(({ fingerprint, name }) => ({ fingerprint, name }))
      if (first === undefined) continue
      after.push(
        yield* daemon.ask((client) => client.tools.approve({ payload: { relay, tools: [first, ...others] } }))
      )
    }
    if (json) return yield* printViews(after)
    yield* Console.log(count === 0 ? "nothing waits for approval" : `approved: ${count}`)
  })
).pipe(
  Command.withDescription("Give agents these tools as they are offered now; shows them and asks"),
  Command.withExamples([
    { command: "holdfast tools approve search", description: "Approve the present definition of one tool" },
    { command: "holdfast tools approve --all --relay docs", description: "Approve every tool of one relay" }
  ]),
  withDaemon
)
