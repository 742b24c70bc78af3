/** What the daemon has on disk, read without touching it. */
import { Schema } from "effect"
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { memoryDirectory } from "./environment.ts"

const Row = Schema.Struct({
  state: Schema.String,
  reason: Schema.NullOr(Schema.String),
  text: Schema.NullOr(Schema.String)
})
export type OutboxRow = typeof Row.Type
const decodeRows = Schema.decodeUnknownSync(Schema.Array(Row))
const decodeCheck = Schema.decodeUnknownSync(Schema.Struct({ integrity_check: Schema.String }))

const name = "holdfast.db"

/** The files as a crash left them, copied, so that it is the daemon that recovers them and not we. */
export const integrity = (directory: string): string => {
  if (!existsSync(join(directory, name))) return "ok"
  const copy = mkdtempSync(join(memoryDirectory(), "holdfast-copy-"))
  try {
    for (const file of [name, `${name}-wal`]) {
      if (existsSync(join(directory, file))) copyFileSync(join(directory, file), join(copy, file))
    }
    const db = new DatabaseSync(join(copy, name))
    try {
      return decodeCheck(db.prepare("PRAGMA integrity_check").get()).integrity_check
    } finally {
      db.close()
    }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

/** All entries, also while the daemon writes. */
export const rows = (directory: string): ReadonlyArray<OutboxRow> => {
  const db = new DatabaseSync(join(directory, name), { readOnly: true })
  try {
    return decodeRows(
      db.prepare("SELECT state, reason, json_extract(request, '$.params.arguments.text') AS text FROM outbox").all()
    )
  } finally {
    db.close()
  }
}
