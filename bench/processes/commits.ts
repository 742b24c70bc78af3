/**
 * What the disk gives: rows like those of the outbox, 64 in a commit, with the outbox's own durability. Arguments: a file,
 * seconds. Prints rows a second.
 */
import { DatabaseSync } from "node:sqlite"
import { textOf } from "./CannedTools.ts"

const [file = "", seconds = "1"] = process.argv.slice(2)
const database = new DatabaseSync(file)
database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON")
database.exec(
  "CREATE TABLE IF NOT EXISTS calls (id INTEGER PRIMARY KEY, lane TEXT, key TEXT UNIQUE, request TEXT, at INTEGER)"
)
const insert = database.prepare("INSERT INTO calls (lane, key, request, at) VALUES (?, ?, ?, ?)")
const request = `{"name":"relay_send_message","arguments":{"to":"lane 1","text":"${textOf("small")}"}}`
const run = String(process.hrtime.bigint())
let rows = 0
const start = performance.now()
while (performance.now() < start + Number(seconds) * 1000) {
  database.exec("BEGIN IMMEDIATE")
  for (let row = 0; row < 64; row++) insert.run(`lane ${row}`, `key ${run} ${++rows}`, request, rows)
  database.exec("COMMIT")
}
process.stdout.write(String(rows / ((performance.now() - start) / 1000)))
database.close()
