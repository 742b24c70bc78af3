/** Brings the daemon back whenever it is dead, and looks at what the crash left on disk. */
import { Effect, Option } from "effect"
import * as Disk from "../../support/Disk.ts"
import type { CrashDaemon } from "./CrashDaemon.ts"
import type { Trap } from "./Place.ts"
import type { Totals } from "./Totals.ts"

export class DaemonSupervisor {
  readonly #daemon: CrashDaemon
  readonly #directory: string
  readonly #totals: Totals
  /** Why the daemon is about to die, where it is we who kill it. */
  #killing: string | undefined
  #laid: Trap | undefined
  #atStart: Trap | undefined
  port = 0

  constructor(daemon: CrashDaemon, directory: string, totals: Totals) {
    this.#daemon = daemon
    this.#directory = directory
    this.#totals = totals
  }

  get isLaid(): boolean {
    return this.#laid !== undefined
  }

  lay(trap: Trap | undefined): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#laid = trap
      return Effect.asVoid(this.#daemon.lay(trap))
    })
  }

  /** The clock that the daemon sees is set by so many milliseconds, until it dies. */
  setClock(by: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#totals.clockJumps++
      return this.#daemon.setClock(by)
    })
  }

  /** `again`: a trap for its way back. */
  kill(why: string, again?: Trap): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#killing = why
      this.#atStart = again
      return this.#daemon.kill
    })
  }

  readonly start = Effect.suspend(() => {
    const trap = this.#atStart
    this.#atStart = undefined
    this.#laid = trap
    return Effect.map(this.#daemon.start(trap), (port) => {
      if (Option.isSome(port)) this.port = port.value
    })
  })

  readonly restartWhenDead = Effect.gen({ self: this }, function*() {
    while (true) {
      const { byItself } = yield* this.#daemon.death
      this.#totals.killed(this.#killing === undefined ? this.#laid?.place ?? "by itself" : `daemon, ${this.#killing}`)
      if (Option.isSome(byItself)) this.#totals.faults.push(`the daemon ended by itself: ${byItself.value}`)
      this.#killing = undefined
      this.#laid = undefined
      const found = Disk.integrity(this.#directory)
      if (found !== "ok") this.#totals.faults.push(`the database is damaged: ${found}`)
      yield* this.start
    }
  })
}
