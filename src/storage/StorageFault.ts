/** Names what is wrong with the disk or the database, whichever layer of wrapped errors says it. */
import { Predicate, Schema } from "effect"

export const StorageFault = Schema.Literals(["full", "read-only", "denied", "corrupt", "busy", "other"])
export type StorageFault = typeof StorageFault.Type

const ofErrno: Readonly<Record<string, StorageFault>> = {
  ENOSPC: "full",
  EDQUOT: "full",
  EROFS: "read-only",
  EACCES: "denied",
  EPERM: "denied"
}

/** SQLite's primary result codes; the extended ones carry them in their low byte (sqlite.org/rescode.html). */
const ofResultCode: Readonly<Record<number, StorageFault>> = {
  3: "denied",
  5: "busy",
  6: "busy",
  8: "read-only",
  11: "corrupt",
  13: "full",
  14: "denied",
  23: "denied",
  26: "corrupt"
}

/** Looks through `reason` and `cause` down to the error of Node or SQLite. */
export const faultOf = (error: unknown): StorageFault => {
  if (!Predicate.isObject(error)) return "other"
  if (Predicate.hasProperty(error, "errcode") && Predicate.isNumber(error.errcode)) {
    return ofResultCode[error.errcode & 0xff] ?? "other"
  }
  if (Predicate.hasProperty(error, "code") && Predicate.isString(error.code) && error.code in ofErrno) {
    return ofErrno[error.code] ?? "other"
  }
  if (Predicate.hasProperty(error, "reason") && Predicate.isObject(error.reason)) return faultOf(error.reason)
  if (Predicate.hasProperty(error, "cause")) return faultOf(error.cause)
  return "other"
}

/**
 * The database cannot be opened. It stays as it was, and nothing was deleted. The message says what to do (BEHAVIOUR
 * 8).
 */
export class DatabaseUnusable extends Schema.TaggedError<DatabaseUnusable>()("DatabaseUnusable", {
  file: Schema.String,
  fault: StorageFault,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.file} ${this.remedy}`
  }

  private get remedy(): string {
    switch (this.fault) {
      case "corrupt":
        return `is damaged (${this.detail}). Nothing was deleted. To keep it and start afresh, rename it and its -wal `
          + "and -shm files, for example to holdfast.db.damaged; what it had queued may be recovered from there with "
          + "sqlite3 .recover. Or name another directory with --data-dir"
      case "full":
        return "cannot be written: the disk is full. Free some space and start again; nothing is lost"
      case "read-only":
        return "cannot be written: it is read-only. Make it and its disk writable (chmod u+w, mount), "
          + "or name another directory with --data-dir"
      case "denied":
        return "cannot be opened by this user: change its owner or mode, or name another directory with --data-dir"
      case "busy":
        return "is in use by another program: close that (a database browser, a backup) and start again"
      case "other":
        return `cannot be opened: ${this.detail}`
    }
  }
}
