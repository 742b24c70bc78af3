/** The embedded relay as a process of its own, on its socket: killed, stopped and started again by a test. */
import { Effect, type PlatformError, type Scope } from "effect"
import { connect } from "node:net"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"
import { launch, type Program } from "../Program.ts"
import { temporaryDirectory } from "../temporaryDirectory.ts"

export interface SocketRelay {
  readonly path: string
  readonly url: string
  readonly signal: (name: NodeJS.Signals) => Effect.Effect<void>
  /** SIGKILL; done once it is gone. */
  readonly kill: Effect.Effect<void>
  readonly start: Effect.Effect<void>
  /** What it took, in order: who sent it, to whom, and its text. */
  readonly ledger: Effect.Effect<
    ReadonlyArray<{ readonly sender: string; readonly recipient: string; readonly text: string }>
  >
  /** Only while it is not running. */
  readonly forgetSessions: Effect.Effect<void>
}

const answers = (path: string) =>
  new Promise<boolean>((done) => {
    const socket = connect(path)
    socket.once("connect", () => {
      socket.destroy()
      done(true)
    }).once("error", () => done(false))
  })

const boot = async (directory: string, path: string): Promise<Program> => {
  const program = launch(["relay", "--port", "0", "--data-dir", directory], { HOLDFAST_EMBEDDED_SOCKET: "true" })
  const until = performance.now() + 60_000
  while (performance.now() < until && program.child.exitCode === null) {
    if (await answers(path)) return program
    await sleep(20)
  }
  program.child.kill("SIGKILL")
  throw new Error(`the relay did not start\n${program.stdout}${program.stderr}`)
}

export const socketRelay: Effect.Effect<SocketRelay, PlatformError.PlatformError, Scope.Scope> = Effect.gen(
  function*() {
    const directory = yield* temporaryDirectory
    const path = `${directory}/relay/relay.sock`
    let present: Program = yield* Effect.acquireRelease(
      Effect.promise(() => boot(directory, path)),
      (): Effect.Effect<void> =>
        Effect.promise(async () => {
          present.child.kill("SIGKILL")
          await present.ended
        })
    )
    const signal = (name: NodeJS.Signals) => Effect.sync(() => void present.child.kill(name))
    const inDatabase = <A>(work: (db: DatabaseSync) => A) =>
      Effect.sync(() => {
        const db = new DatabaseSync(`${directory}/relay/relay.db`)
        try {
          return work(db)
        } finally {
          db.close()
        }
      })
    return {
      path,
      url: `unix://${path}`,
      signal,
      kill: Effect.asVoid(Effect.andThen(signal("SIGKILL"), Effect.promise(() => present.ended))),
      start: Effect.promise(async () => {
        present = await boot(directory, path)
      }),
      ledger: inDatabase((db) => db.prepare("SELECT sender, recipient, text FROM messages ORDER BY id").all() as never),
      forgetSessions: inDatabase((db) =>
        db.exec("DELETE FROM socket_deliveries; DELETE FROM socket_streams; DELETE FROM socket_sessions")
      )
    }
  }
)
