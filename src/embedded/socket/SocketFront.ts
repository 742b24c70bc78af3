/**
 * The embedded relay on a Unix socket: the same messages as over MCP, for a script or a wrapped terminal agent of the
 * same user. The file is 0600 in a directory that is 0700; who can open it may speak as any agent.
 */
import { Clock, Context, Effect, FiberSet, Layer, Schema, Semaphore } from "effect"
import { SqlClient } from "effect/sql"
import { chmodSync, lstatSync, unlinkSync } from "node:fs"
import { connect, createServer, type Server } from "node:net"
import type { AgentName } from "../../domain/Ids.ts"
import { maxPathBytes } from "../../relay/socket/SocketFile.ts"
import { Messages } from "../Messages.ts"
import { FrontConnection } from "./FrontConnection.ts"
import { make as requests } from "./FrontRequests.ts"
import { FrontEvent } from "./FrontState.ts"
import { SocketSessions } from "./SocketSessions.ts"

export class EmbeddedRelaySocket extends Schema.TaggedError<EmbeddedRelaySocket>()("EmbeddedRelaySocket", {
  path: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `the embedded relay cannot listen on ${this.path}: ${this.detail}`
  }
}

const maxConnections = 1_000

const isAnswered = (path: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const socket = connect(path)
    const done = (answered: boolean) => {
      socket.destroy()
      resume(Effect.succeed(answered))
    }
    socket.once("connect", () => done(true)).once("error", () => done(false))
    return Effect.sync(() => socket.destroy())
  })

/** What a relay that was killed left behind goes; what somebody listens on, or is no socket, stays. */
const clear = Effect.fnUntraced(function*(path: string) {
  const refuse = (detail: string) => new EmbeddedRelaySocket({ path, detail })
  if (Buffer.byteLength(path) > maxPathBytes) {
    return yield* refuse(
      `the path is longer than the ${maxPathBytes} bytes that a socket's may have; name a shorter one with --data-dir`
    )
  }
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) return yield* refuse("there is another file of that name: move it away")
  if (yield* isAnswered(path)) return yield* refuse("another relay listens there: stop that")
  unlinkSync(path)
})

const listen = (server: Server, path: string): Effect.Effect<void, EmbeddedRelaySocket> =>
  Effect.callback((resume) => {
    server.once("error", (error) => resume(Effect.fail(new EmbeddedRelaySocket({ path, detail: error.message }))))
    server.listen(path, () => {
      // What fails later is one connection's.
      server.on("error", () => {})
      chmodSync(path, 0o600)
      resume(Effect.void)
    })
  })

export class SocketFront extends Context.Service<SocketFront, {
  readonly path: string
}>()("holdfast/embedded/SocketFront") {
  /** Listens for as long as the layer lives. */
  static readonly layerNoDeps = (path: string) =>
    Layer.effect(
      SocketFront,
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const messages = yield* Messages
        const sessions = yield* SocketSessions
        const handle = yield* requests
        const turn = yield* Semaphore.make(1)
        const clock = yield* Clock.Clock
        const now = () => Math.floor(clock.currentTimeMillisUnsafe())
        const open = new Set<FrontConnection>()
        const byAgent = new Map<string, FrontConnection>()
        const fibers = yield* FiberSet.make<void>()
        const run = yield* FiberSet.runtime(fibers)()

        const options = {
          sessions,
          handle,
          oneAtATime: turn.withPermit,
          inOneTransaction: <A>(effect: Effect.Effect<A>) => Effect.orDie(sql.withTransaction(effect)),
          seen: (agent: AgentName) =>
            Effect.flatMap(Clock.currentTimeMillis, (now) => messages.seen(agent, Math.floor(now))),
          isConnected: (agent: string) => byAgent.has(agent),
          count: () => byAgent.size,
          startedAt: now(),
          now,
          takeOver: (agent: AgentName, connection: FrontConnection) => {
            const before = byAgent.get(agent)
            byAgent.set(agent, connection)
            return before
          },
          left: (agent: AgentName, connection: FrontConnection) => {
            if (byAgent.get(agent) === connection) byAgent.delete(agent)
          }
        }

        const server = createServer((socket) => {
          if (open.size >= maxConnections) return void socket.destroy()
          const connection = new FrontConnection(socket, options)
          open.add(connection)
          return void run(
            connection.run.pipe(
              Effect.tapCause((cause) => Effect.logError("a connection of the relay's socket failed", cause)),
              Effect.catchCause(() => Effect.void),
              Effect.ensuring(Effect.sync(() => open.delete(connection)))
            )
          )
        })

        yield* clear(path)
        yield* Effect.acquireRelease(listen(server, path), () =>
          Effect.gen(function*() {
            server.close()
            open.forEach((connection) => connection.tell(FrontEvent.Stopping()))
            yield* Effect.timeoutOption(FiberSet.awaitEmpty(fibers), "1 second")
          }))
        yield* messages.onSent((recipient) => byAgent.get(recipient)?.wake())
        yield* Effect.forkScoped(
          Effect.forever(Effect.andThen(
            Effect.sleep("1 second"),
            Effect.sync(() => open.forEach((connection) => connection.tick()))
          ))
        )
        return SocketFront.of({ path })
      })
    )
}
