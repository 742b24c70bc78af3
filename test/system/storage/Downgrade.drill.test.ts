import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Daemon } from "../../support/Daemon.ts"

const relay = ["--relay", "http://127.0.0.1:9/mcp", "--port", "0"]

describe("an older version at a newer one's data directory", () => {
  it.live("does not start, says once what to do, and leaves the database as it was", () =>
    Effect.gen(function*() {
      const daemon = yield* Daemon.start({ relayUrl: "http://127.0.0.1:9/mcp" })
      yield* daemon.terminate
      const file = join(daemon.dataDir, "holdfast.db")
      const db = new DatabaseSync(file)
      db.exec("INSERT INTO effect_sql_migrations (migration_id, name) VALUES (9999, 'future')")
      db.close()
      const before = readFileSync(file)
      const { code, stderr, stdout } = yield* Daemon.run(["serve", ...relay, "--data-dir", daemon.dataDir])
      const output = `${stdout}${stderr}`
      assert.strictEqual(code, 1, output)
      assert.strictEqual(output.split("a newer Holdfast").length, 2, output)
      assert.include(output, "--data-dir")
      assert.isTrue(readFileSync(file).equals(before))
    }), 60_000)
})
