import { Schema } from "effect"
import { StorageFault } from "./StorageFault.ts"

/** The database cannot be opened; it is as it was, nothing was deleted. The message says what to do (BEHAVIOUR 8). */
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
