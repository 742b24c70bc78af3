import { Effect, Option, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { createInterface } from "node:readline"
import { urlOf } from "../../clients/Injection.ts"
import { otherVariables } from "../../config/Environment.ts"
import { type AgentName, defaultRelay, RelayId } from "../../domain/Ids.ts"
import { daemonDirectory, settings } from "../configuration.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { agentFlag } from "../flags.ts"
import { root } from "../root.ts"
import { runningDaemon, startedDaemon } from "../startedDaemon.ts"
import { LegBroken } from "./DaemonLeg.ts"
import { bridge } from "./StdioBridge.ts"

/** A secret for this process, revoked when it ends; the daemon sees to it where it is killed. */
const lease = Effect.fnUntraced(function*(agent: AgentName) {
  const given = process.env[otherVariables.agentSecret]
  if (given !== undefined && given !== "") return given
  const daemon = yield* DaemonClient
  const { secret } = yield* Effect.acquireRelease(
    daemon.ask((client) => client.agents.lease({ payload: { agent, holder: process.pid, obeysListChanged: false } })),
    ({ lease }) => Effect.ignore(daemon.ask((client) => client.agents.release({ params: { lease } })))
  )
  return secret
})

/** Not read before somebody listens: what came earlier would be lost. */
const lines = Stream.suspend(() =>
  Stream.fromAsyncIterable(createInterface({ input: process.stdin, crlfDelay: Infinity }), (error) => error)
)

const write = (line: string): Effect.Effect<void> =>
  Effect.callback((resume) => {
    process.stdout.write(`${line}\n`, () => resume(Effect.void))
  })

export const stdio = Command.make("stdio", {
  agent: agentFlag,
  relay: Flag.String("relay").pipe(
    Flag.withDescription("The relay's name (default: the default relay)"),
    Flag.withMetavar("NAME"),
    Flag.withSchema(RelayId),
    Flag.withDefault(defaultRelay)
  )
}, ({ agent, relay }) =>
  Effect.gen(function*() {
    const dataDir = yield* daemonDirectory
    const { config } = yield* root
    // One that runs serves whatever the file says by now. Else the file is read, each time: where "connect --undo" took
    // the relay out meanwhile, no daemon is started.
    const running = Effect.flatMap(
      runningDaemon(dataDir),
      Option.match({
        onSome: (daemon) => Effect.succeed(daemon),
        onNone: () => Effect.flatMap(settings, (values) => startedDaemon(values, dataDir, config))
      })
    )
    yield* running
    yield* Effect.gen(function*() {
      const services = yield* Effect.context<Effect.Services<typeof running>>()
      const secret = yield* lease(agent)
      const endpoint = running.pipe(
        Effect.map(({ url }) => urlOf(url, relay)),
        Effect.mapError((error) =>
          new LegBroken({ sent: false, detail: error.message, isFinal: error._tag === "BadConfiguration" })
        ),
        Effect.provideContext(services)
      )
      const { end, received, settled } = yield* bridge({ endpoint, secret, write })
      yield* lines.pipe(
        Stream.filter((line) => line.trim() !== ""),
        Stream.runForEach(received),
        Effect.ignore
      )
      yield* Effect.timeoutOption(settled, "10 seconds")
      yield* Effect.timeoutOption(end, "1 second")
    }).pipe(Effect.scoped, Effect.provide(DaemonClient.layer(dataDir)))
  })).pipe(
    Command.withDescription("Serve MCP on standard input and output, for clients that speak nothing else"),
    Command.withExamples([{
      command: "holdfast stdio --agent reviewer",
      description: "What a client's configuration runs, as one agent"
    }])
  )
