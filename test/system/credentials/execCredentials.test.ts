/** What a command that `holdfast exec` runs is handed, and that it is gone afterwards. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { userHome } from "../../support/git/userHome.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"
import { launch } from "../../support/Program.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

describe("holdfast exec", () => {
  it.live(
    "hands over the credentials that are configured so, and clears them when the command ends, but for what is retained",
    () =>
      Effect.gen(function*() {
        const user = yield* userHome
        const configuration = join(user.home, "holdfast.json")
        const credentials = {
          github: { provider: "github", handOver: { fileEnv: ["GH_FILE"] }, token: { command: "echo fresh" } },
          google: {
            hosts: ["google.test"],
            handOver: { fileEnv: ["GOOGLE_FILE"], retainAcrossTurns: true },
            token: { command: "echo kept" }
          },
          private: { hosts: ["private.test"], token: { command: "echo secret" } },
          sealed: { provider: "gitlab", handOver: {}, token: { command: "echo sealed >&2; exit 1" } }
        }
        writeFileSync(configuration, JSON.stringify({ credentials }))
        const daemon = yield* Daemon.start({
          relayUrl: "http://127.0.0.1:9/mcp",
          env: { HOLDFAST_CONFIG: configuration }
        })
        const script =
          "echo \"$GH_TOKEN|$(cat $GH_FILE)|$GH_FILE|$(cat $GOOGLE_FILE)|$GOOGLE_FILE\"; env | grep -c '=secret'"
        const ran = yield* user.run(
          process.execPath,
          [holdfastFile, "exec", "--data-dir", daemon.dataDir, "--config", configuration, "--", "sh", "-c", script]
        )
        const [line = "", others] = ran.out.split("\n")
        const [token, content, file = "", kept, retained = ""] = line.split("|")
        assert.deepStrictEqual([token, content, kept, others], ["fresh", "fresh", "kept", "0"], ran.err)
        assert.notStrictEqual(file, "")
        assert.isFalse(existsSync(file))
        assert.strictEqual(readFileSync(retained, "utf8"), "kept")
        assert.deepStrictEqual([retained, dirname(retained)].map((path) => statSync(path).mode & 0o777), [0o600, 0o700])
        assert.strictEqual(dirname(dirname(retained)), daemon.dataDir)
        assert.include(ran.err, "without credential \"sealed\"")
      })
  )

  it.live("leaves nothing of them where it is killed, alone or together with the daemon", () =>
    Effect.gen(function*() {
      const credentials = {
        github: { provider: "github", handOver: { fileEnv: ["GH_FILE"] }, token: { command: "echo fresh" } }
      }
      const directory = yield* temporaryDirectory
      const configuration = join(directory, "holdfast.json")
      writeFileSync(configuration, JSON.stringify({ credentials }))
      const daemon = yield* Daemon.start({
        relayUrl: "http://127.0.0.1:9/mcp",
        env: { HOLDFAST_CONFIG: configuration }
      })
      /** In the midst of its turn. */
      const running = Effect.gen(function*() {
        const script = "echo \"file: $GH_FILE\"; while kill -0 $PPID 2> /dev/null; do sleep 0.1; done"
        const exec = yield* Effect.acquireRelease(
          Effect.sync(() =>
            launch(
              ["exec", "--data-dir", daemon.dataDir, "--config", configuration, "--", "sh", "-c", script],
              {},
              directory
            )
          ),
          ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
        )
        const output = yield* eventually("the file", Effect.sync(() => exec.stdout), (text) => text.includes("\n"))
        const file = /^file: (.*)$/m.exec(output)?.[1] ?? ""
        assert.strictEqual(readFileSync(file, "utf8"), "fresh")
        return { exec, file }
      })
      const left = (file: string) => Effect.sync(() => existsSync(dirname(file)))

      const first = yield* running
      first.exec.child.kill("SIGKILL")
      yield* eventually("nothing left", left(first.file), (exists) => !exists)

      const second = yield* running
      yield* daemon.kill
      second.exec.child.kill("SIGKILL")
      yield* Effect.promise(() => second.exec.ended)
      assert.isTrue(yield* left(second.file))
      yield* daemon.restart()
      yield* eventually("nothing left", left(second.file), (exists) => !exists)
    }), 60_000)
})
