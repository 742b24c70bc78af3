/** A disk that fails below the code under test, in each way that SQLite knows. */
import { Effect } from "effect"
import { hookSqlite } from "../../support/SqliteHook.ts"

/** SQLite's result codes (sqlite.org/rescode.html). */
export const faults = {
  "disk full": 13,
  "i/o error": 10,
  "i/o error at fsync": 1034,
  "read-only": 8,
  "locked": 5
} as const
export type Fault = keyof typeof faults
export const faultNames: ReadonlyArray<Fault> = ["disk full", "i/o error", "i/o error at fsync", "read-only", "locked"]

const error = (fault: Fault) => Object.assign(new Error(fault), { code: "ERR_SQLITE_ERROR", errcode: faults[fault] })

const writes = /^(BEGIN|COMMIT|INSERT|UPDATE|DELETE|REPLACE)/i
const reads = /^(SELECT|PRAGMA)/i

export interface BrokenDisk {
  /** From the `from`th statement that it concerns on, so many fail. */
  readonly break: (fault: Fault, from: number, times: number) => void
  readonly mend: () => void
  /** Statements that would have been concerned since it was broken. */
  readonly seen: () => number
}

/** `what`: reads go on while the disk cannot be written, but for an I/O error. A ROLLBACK always works. */
export const brokenDisk = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      let fault: Fault | undefined
      let from = 0
      let until = 0
      let seen = 0
      const unhook = hookSqlite({
        before: ({ sql }) => {
          if (fault === undefined) return
          if (!writes.test(sql) && !(fault === "i/o error" && reads.test(sql))) return
          const now = seen++
          if (now >= from && now < until) throw error(fault)
        }
      })
      const disk: BrokenDisk = {
        break: (name, at, times) => {
          fault = name
          from = at
          until = at + times
          seen = 0
        },
        mend: () => {
          fault = undefined
        },
        seen: () => seen
      }
      return { disk, unhook }
    }),
    ({ unhook }) => Effect.sync(unhook)
  ),
  ({ disk }) => disk
)
