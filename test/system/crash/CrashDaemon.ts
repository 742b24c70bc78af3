/** The daemon in the harness's hands: one that runs, and a next one that has loaded already and stands by. */
import { Deferred, Effect, Option, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import type { SettingsSchema } from "../../../src/config/Settings.ts"
import { childEnvironment } from "../../support/environment.ts"
import type { Counts, FromDaemon, ToDaemon } from "./DaemonTalk.ts"
import type { Trap } from "./Place.ts"

export interface Death {
  /** Not by SIGKILL: of what it said last. */
  readonly byItself: Option.Option<string>
}

export interface CrashDaemon {
  /** The port, once it is ready; `None` where it died on the way. */
  readonly start: (trap?: Trap) => Effect.Effect<Option.Option<number>>
  readonly kill: Effect.Effect<void>
  /** Of the one that runs, or ran last. */
  readonly death: Effect.Effect<Death>
  readonly lay: (trap: Trap | undefined) => Effect.Effect<void>
  /** The clock that it sees is set by so many milliseconds, until it dies. */
  readonly setClock: (by: number) => Effect.Effect<void>
  /** `None` where it is dead, or dies before it answers. */
  readonly counts: Effect.Effect<Option.Option<Counts>>
}

interface Life {
  readonly child: ChildProcess
  readonly death: Deferred.Deferred<Death>
}

const load = (program: string, cache: string): Life => {
  const child = spawn(process.execPath, [program], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: childEnvironment({ NODE_COMPILE_CACHE: cache })
  })
  const death = Deferred.makeUnsafe<Death>()
  let said = ""
  for (const output of [child.stdout, child.stderr]) {
    output?.on("data", (chunk) => said = (said + String(chunk)).slice(-8_000))
  }
  child.once("close", (code, signal) => {
    const byItself = signal === "SIGKILL" ? Option.none<string>() : Option.some(`${code ?? signal}: ${said}`)
    Deferred.doneUnsafe(death, Effect.succeed({ byItself }))
  })
  return { child, death }
}

/** The daemon's next message of a kind; `None` where it dies first. */
const heard = <Tag extends FromDaemon["_tag"]>({ child, death }: Life, tag: Tag) =>
  Effect.raceFirst(
    Effect.callback<Option.Option<Extract<FromDaemon, { readonly _tag: Tag }>>>((resume) => {
      const isIt = (message: FromDaemon): message is Extract<FromDaemon, { readonly _tag: Tag }> => message._tag === tag
      const listen = (message: FromDaemon) => {
        if (!isIt(message)) return
        child.off("message", listen)
        resume(Effect.succeedSome(message))
      }
      child.on("message", listen)
      return Effect.sync(() => child.off("message", listen))
    }),
    Effect.as(Deferred.await(death), Option.none())
  )

const send = ({ child }: Life, order: ToDaemon) =>
  Effect.sync(() => {
    if (child.connected) child.send(order, () => {})
  })

export const crashDaemon = Effect.fnUntraced(function*(options: {
  readonly program: string
  readonly compileCache: string
  readonly settings: typeof SettingsSchema.Encoded
}): Effect.fn.Return<CrashDaemon, never, Scope.Scope> {
  const loading = () => load(options.program, options.compileCache)
  const lives = { now: undefined as Life | undefined, next: loading() }
  const end = (life: Life | undefined) =>
    Effect.suspend(() => {
      life?.child.kill("SIGKILL")
      return life === undefined ? Effect.void : Effect.asVoid(Deferred.await(life.death))
    })
  yield* Effect.addFinalizer(() => Effect.andThen(end(lives.now), end(lives.next)))
  const asked = <Tag extends FromDaemon["_tag"]>(life: Life, order: ToDaemon, tag: Tag) =>
    Effect.all([heard(life, tag), send(life, order)], { concurrency: "unbounded" }).pipe(
      Effect.map(([answer]) => answer)
    )

  return {
    start: (trap) =>
      Effect.gen(function*() {
        const life = lives.next
        lives.now = life
        lives.next = loading()
        const ready = yield* asked(life, { _tag: "Go", settings: options.settings, trap }, "Ready")
        return Option.map(ready, ({ port }) => port)
      }),
    kill: Effect.suspend(() => end(lives.now)),
    death: Effect.suspend(() => lives.now === undefined ? Effect.never : Deferred.await(lives.now.death)),
    lay: (trap) =>
      Effect.suspend(() => lives.now === undefined ? Effect.void : asked(lives.now, { _tag: "Lay", trap }, "Laid")),
    setClock: (by) =>
      Effect.suspend(() => lives.now === undefined ? Effect.void : send(lives.now, { _tag: "SetClock", by })),
    counts: Effect.gen(function*() {
      if (lives.now === undefined) return Option.none()
      return Option.map(yield* asked(lives.now, { _tag: "Stats" }, "Stats"), ({ counts }) => counts)
    })
  }
})
