/** Whether a daemon holds the lock of a data directory (`DaemonLock`), asked by another process. */
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

export const lockName = "lock.db"

/** SQLite's SQLITE_BUSY and SQLITE_LOCKED; the extended codes carry them in their low byte (sqlite.org/rescode.html). */
const busy: ReadonlyArray<number> = [5, 6]

const isBusy = (error: unknown): boolean =>
  error instanceof Error && "errcode" in error && typeof error.errcode === "number"
  && busy.includes(error.errcode & 0xff)

/**
 * SQLite refuses a reader where a daemon holds the lock. Where none does, the reader's own lock lasts for a moment, in
 * which a daemon could not start.
 */
export const isHeld = (dataDir: string): boolean => {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(join(dataDir, lockName), { readOnly: true })
    db.prepare("SELECT count(*) FROM sqlite_schema").get()
    return false
  } catch (error) {
    return isBusy(error)
  } finally {
    db?.close()
  }
}
