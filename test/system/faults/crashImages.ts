/** What a process leaves on disk that is killed between any two statements: the files as they are there. */
import { Effect } from "effect"
import { copyFileSync, existsSync } from "node:fs"
import { hookSqlite } from "../../support/SqliteHook.ts"

export interface CrashImage<A> {
  readonly file: string
  /** What was the case then. */
  readonly noted: A
}

/** Of a database that is written to, until the scope ends; `stop` ends it before. */
export const crashImages = <A>(file: string, note: () => A) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const images: Array<CrashImage<A>> = []
      const take = () => {
        const copy = `${file}.${images.length}`
        for (const part of ["", "-wal"]) {
          if (existsSync(file + part)) copyFileSync(file + part, copy + part)
        }
        images.push({ file: copy, noted: note() })
      }
      const unhook = hookSqlite({
        before: ({ sql }) => {
          if (!/^(SELECT|PRAGMA)/i.test(sql)) take()
        },
        after: ({ sql }) => {
          if (/^COMMIT/i.test(sql)) take()
        }
      })
      return { images, stop: Effect.sync(unhook) }
    }),
    ({ stop }) => stop
  )
