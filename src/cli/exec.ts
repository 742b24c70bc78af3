import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { basename } from "node:path"
import { stdioCommand } from "../clients/ClientEntry.ts"
import { injectionFor } from "../clients/clients.ts"
import { serversOf } from "../clients/Injection.ts"
import { borrow } from "../clients/TemporaryEntry.ts"
import { otherVariables } from "../config/Environment.ts"
import type { SettingsValues } from "../config/Settings.ts"
import { type GitWorktree, worktreeAt } from "../context/Git.ts"
import { AgentName } from "../domain/Ids.ts"
import { entryAt } from "./config/endpointEntry.ts"
import { dataDirectory, settings } from "./configuration.ts"
import { DaemonClient } from "./DaemonClient.ts"
import { Ended } from "./Failures.ts"
import * as Foreground from "./Foreground.ts"
import { handedCredentials } from "./handedCredentials.ts"
import { root } from "./root.ts"
import { startedDaemon } from "./startedDaemon.ts"
import { wrappedRelays } from "./wrap/Wrapped.ts"

/** A secret for this process, revoked when the scope ends; the daemon sees to it where we are killed. */
const lease = Effect.fnUntraced(function*(
  agent: Option.Option<AgentName>,
  prefix: string,
  obeysListChanged: boolean
) {
  const daemon = yield* DaemonClient
  const terms = { holder: process.pid, obeysListChanged }
  const payload = Option.match(agent, {
    onNone: () => ({ prefix, ...terms }),
    onSome: (agent) => ({ agent, ...terms })
  })
  return yield* Effect.acquireRelease(
    daemon.ask((client) => client.agents.lease({ payload })),
    ({ lease }) => Effect.ignore(daemon.ask((client) => client.agents.release({ params: { lease } })))
  )
})

/** In a linked worktree the agent is attached to it, unless it already stands there or somewhere else. */
const attach = Effect.fnUntraced(function*(agent: AgentName, { branch, path }: GitWorktree) {
  if (Option.isNone(branch)) return
  const daemon = yield* DaemonClient
  const { state } = yield* daemon.ask((client) => client.context.show({ query: { agent } }))
  const open = state._tag === "Worktree" && !["Merged", "Abandoned", "Released"].includes(state.phase)
  if (open && state.path === path && state.branch === branch.value) return
  if (open && state.path !== path) {
    return yield* Console.error(
      `holdfast: agent ${agent} stands in ${state.path}, and stays there; "holdfast context send Detach --agent ${agent}" `
        + "would let it go"
    )
  }
  if (open) yield* daemon.ask((client) => client.context.send({ payload: { agent, event: "Detach" } }))
  yield* daemon.ask((client) =>
    client.context.send({ payload: { agent, event: "Attach", path, branch: branch.value } })
  )
})

const run = Effect.fnUntraced(function*(
  settings: SettingsValues,
  url: string,
  dataDir: string,
  agent: Option.Option<AgentName>,
  [command, ...own]: readonly [string, ...ReadonlyArray<string>]
) {
  const daemon = yield* DaemonClient
  const { relays } = yield* daemon.ask((client) => client.status())
  const wrapped = yield* wrappedRelays(dataDir)
  const servers = serversOf(
    url,
    relays.flatMap(({ id }) => wrapped.has(id) ? [] : [id]),
    (relay) => stdioCommand(entryAt(url, dataDir, { relay }))
  )
  const injection = injectionFor(command, own, servers)
  const worktree = yield* worktreeAt(process.cwd())
  const prefix = basename(Option.match(worktree, { onNone: () => process.cwd(), onSome: ({ path }) => path }))
  const leased = yield* lease(agent, prefix, injection.obeysListChanged)
  if (settings.context.git.attach && Option.exists(worktree, ({ linked }) => linked)) {
    yield* Effect.forEach(Option.toArray(worktree), (worktree) => attach(leased.agent, worktree))
  }
  yield* borrow(injection.entries, dataDir)
  const credentials = yield* handedCredentials(
    settings,
    dataDir,
    ({ hint, name }) => Console.error(`holdfast: the command goes without credential "${name}": ${hint}`)
  )
  return yield* Foreground.run(settings, command, [...injection.args, ...own], {
    ...credentials,
    [otherVariables.endpoint]: url,
    [otherVariables.agent]: leased.agent,
    [otherVariables.agentSecret]: leased.secret
  })
}, Effect.scoped)

export const exec = Command.make("exec", {
  agent: Flag.String("agent").pipe(
    Flag.withDescription("An agent that was added (default: one that comes and goes with the command)"),
    Flag.withMetavar("NAME"),
    Flag.withSchema(AgentName),
    Flag.optional
  ),
  command: Argument.String("command").pipe(
    Argument.withDescription("The command and its arguments, behind --"),
    Argument.variadic({ min: 1 })
  )
}, ({ agent, command }) =>
  Effect.gen(function*() {
    const [program = "", ...args] = command
    const values = yield* settings
    const dataDir = yield* dataDirectory
    const { config } = yield* root
    const { url } = yield* startedDaemon(values, dataDir, config)
    const code = yield* run(values, url, dataDir, agent, [program, ...args]).pipe(
      Effect.provide(DaemonClient.layer(dataDir))
    )
    if (code !== 0) return yield* new Ended({ code })
  })).pipe(
    Command.withDescription(
      "Run an agent with endpoint and secret given to it (Claude Code, Codex, Gemini, Cursor, VS Code, or any command by "
        + "its environment); its exit code is ours"
    ),
    Command.withExamples([{ command: "holdfast exec -- claude", description: "Start Claude Code, connected" }, {
      command: "holdfast exec --agent reviewer -- codex",
      description: "Start Codex as an agent that was added"
    }])
  )
