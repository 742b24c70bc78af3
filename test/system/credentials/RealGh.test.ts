/** `holdfast gh` with the real gh, where it is installed, before a GitHub API on loopback. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Daemon } from "../../support/Daemon.ts"
import { userHome } from "../../support/git/userHome.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"
import { httpServer } from "../../support/token/httpServer.ts"

const installed = spawnSync("gh", ["--version"]).status === 0

describe("holdfast gh with the real gh", () => {
  it.live.skipIf(!installed)(
    `shows GitHub the fresh token, never the stale one of the environment${installed ? "" : " (gh is not installed)"}`,
    () =>
      Effect.gen(function*() {
        // gh speaks plain HTTP to this host alone; as its proxy, the server needs no name of it.
        const github = yield* httpServer(({ headers }) =>
          headers.authorization === "token fresh"
            ? { headers: { "x-oauth-scopes": "repo, read:org, gist" }, body: { login: "me" } }
            : { status: 401, body: { message: "Bad credentials" } }
        )
        const user = yield* userHome
        const configuration = join(user.home, "holdfast.json")
        const tokenFile = join(user.home, "token")
        writeFileSync(tokenFile, "fresh")
        const token = { file: tokenFile }
        writeFileSync(
          configuration,
          JSON.stringify({ credentials: { github: { provider: "github", hosts: ["github.localhost"], token } } })
        )
        const daemon = yield* Daemon.start({
          relayUrl: "http://127.0.0.1:9/mcp",
          env: { HOLDFAST_CONFIG: configuration }
        })
        const env = {
          GH_HOST: "github.localhost",
          GH_TOKEN: "stale",
          HTTP_PROXY: github.origin,
          http_proxy: github.origin
        }
        const alone = yield* user.run("gh", ["api", "user"], { env })
        assert.notStrictEqual(alone.code, 0)
        assert.include(alone.err, "Bad credentials")

        const gh = (...args: ReadonlyArray<string>) =>
          user.run(process.execPath, [holdfastFile, "gh", "--data-dir", daemon.dataDir, "--", ...args], { env })
        const asked = yield* gh("api", "user", "--jq", ".login")
        assert.deepStrictEqual(asked, { code: 0, out: "me\n", err: "" })
        assert.deepStrictEqual(github.asked.map(({ headers, path }) => [new URL(path).host, headers.authorization]), [
          ["api.github.localhost", "token stale"],
          ["api.github.localhost", "token fresh"]
        ])
        // What gh says of itself: the token came by its environment, and gh kept none.
        const status = yield* gh("auth", "status")
        assert.include(`${status.out}${status.err}`, "GH_TOKEN")
        assert.notInclude(`${status.out}${status.err}`, "fresh")
      })
  )
})
