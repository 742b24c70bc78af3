/** Google's own command line, where this machine has it, with the file that it is handed: no login, no network. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Daemon } from "../../support/Daemon.ts"
import { userHome } from "../../support/git/userHome.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"

const installed = spawnSync("gcloud", ["--version"]).status === 0

describe("gcloud under holdfast exec", () => {
  it.live.skipIf(!installed)("has the token that Holdfast handed over", () =>
    Effect.gen(function*() {
      const user = yield* userHome
      const configuration = join(user.home, "holdfast.json")
      const google = { provider: "google", handOver: {}, token: { command: "echo token-of-google" } }
      writeFileSync(configuration, JSON.stringify({ credentials: { google } }), { mode: 0o600 })
      const daemon = yield* Daemon.start({
        relayUrl: "http://127.0.0.1:9/mcp",
        env: { HOLDFAST_CONFIG: configuration }
      })
      const places = ["--data-dir", daemon.dataDir, "--config", configuration]
      const ran = yield* user.run(
        process.execPath,
        [holdfastFile, "exec", ...places, "--", "gcloud", "auth", "print-access-token"],
        { env: { CLOUDSDK_CONFIG: join(user.home, "gcloud") } }
      )
      assert.strictEqual(ran.out.trim(), "token-of-google", ran.err)
    }), 120_000)
})
