/** `holdfast gh`, with a program in gh's place that says what it was given. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Daemon } from "../../support/Daemon.ts"
import { userHome } from "../../support/git/userHome.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"

const stage = Effect.gen(function*() {
  const user = yield* userHome
  const bin = join(user.home, "bin")
  mkdirSync(bin)
  writeFileSync(
    join(bin, "gh"),
    "#!/bin/sh\necho \"$*|$GH_TOKEN|$GH_ENTERPRISE_TOKEN\"\nexit ${GH_EXIT:-0}\n"
  )
  chmodSync(join(bin, "gh"), 0o755)
  const configuration = join(user.home, "holdfast.json")
  writeFileSync(
    configuration,
    JSON.stringify({
      credentials: {
        github: { provider: "github", token: { command: "echo fresh" } },
        enterprise: { hosts: ["ghe.example.com"], token: { command: "echo enterprise" } },
        sealed: { hosts: ["sealed.example.com"], token: { command: "exit 1" } }
      }
    })
  )
  const daemon = yield* Daemon.start({ relayUrl: "http://127.0.0.1:9/mcp", env: { HOLDFAST_CONFIG: configuration } })
  return (args: ReadonlyArray<string>, env: Record<string, string> = {}) =>
    user.run(process.execPath, [holdfastFile, "gh", "--data-dir", daemon.dataDir, "--", ...args], {
      env: { PATH: `${bin}:${process.env["PATH"]}`, ...env }
    })
})

describe("holdfast gh", () => {
  it.live(
    "runs gh once with a fresh token, which beats a stale one; gh's exit code is its own",
    () =>
      Effect.gen(function*() {
        const gh = yield* stage
        const stale = { GH_TOKEN: "stale" }
        assert.deepStrictEqual(yield* gh(["pr", "list", "--json", "x"], stale), {
          code: 0,
          out: "pr list --json x|fresh|\n",
          err: ""
        })
        const enterprise = yield* gh(["x"], { GH_HOST: "ghe.example.com", GH_EXIT: "4", GH_CREDENTIAL_DEBUG: "1" })
        assert.deepStrictEqual([enterprise.code, enterprise.out], [4, "x||enterprise\n"])
        assert.strictEqual(
          enterprise.err,
          "holdfast credential: credential \"enterprise\" answers for ghe.example.com\n"
        )
        // Where there is no fresh one, the environment is what is left, and why is said to who asks.
        const env = { ...stale, GH_HOST: "sealed.example.com", HOLDFAST_DEBUG: "credential" }
        const sealed = yield* gh(["x"], env)
        assert.strictEqual(sealed.out, "x|stale|\n")
        assert.match(sealed.err, /gh runs as it is: .*"sealed".*exit 1/)
      })
  )
})
