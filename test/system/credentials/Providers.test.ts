/** Each provider's credential out of an HTTP double, under `holdfast exec`, as its real reader on this machine reads it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import type { IncomingMessage } from "node:http"
import { dirname, join } from "node:path"
import { Daemon } from "../../support/Daemon.ts"
import { userHome } from "../../support/git/userHome.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"
import { listening } from "../../support/listening.ts"

const hasCurl = spawnSync("curl", ["--version"]).status === 0

/** Answers a mint's request with a token for each path, and any other with what it was authorized by. */
const double = Effect.map(
  listening((request: IncomingMessage, response) => {
    const path = request.url ?? ""
    if (path.startsWith("/mint/empty")) return response.end(JSON.stringify({ token: "" }))
    if (path.startsWith("/mint/")) return response.end(JSON.stringify({ token: `token-of-${path.slice(6)}` }))
    const { authorization = "none", cookie = "none" } = request.headers
    const [, basic = ""] = /^Basic (.*)$/.exec(authorization) ?? []
    response.statusCode = path.startsWith("/plain/") ? 404 : 200
    return response.end(`${Buffer.from(basic, "base64").toString()}|${cookie}`)
  }),
  (port) => `http://127.0.0.1:${port}`
)

describe("the providers of a turn's credentials", () => {
  it.live.skipIf(!hasCurl)(
    "put google, jira and gerrit in place as their readers want them, and leave only google's file behind",
    () =>
      Effect.gen(function*() {
        const url = yield* double
        const user = yield* userHome
        const configuration = join(user.home, "holdfast.json")
        const mint = (name: string) => ({ url: `${url}/mint/${name}` })
        const credentials = {
          google: { provider: "google", handOver: {}, token: mint("google") },
          jira: {
            provider: "jira",
            hosts: ["jira.test"],
            username: "ada@jira.test",
            handOver: {},
            token: mint("jira")
          },
          gerrit: { provider: "gerrit", hosts: [url], username: "ada", handOver: {}, token: mint("gerrit") },
          cookies: {
            provider: "gerrit",
            hosts: ["http://localhost:1"],
            username: "git-ada",
            handOver: { form: "cookies", fileEnv: ["COOKIES"] },
            token: mint("cookies")
          },
          nobody: { provider: "jira", hosts: ["nobody.test"], handOver: {}, token: mint("nobody") },
          empty: { provider: "http", hosts: ["empty.test"], handOver: { env: ["EMPTY"] }, token: mint("empty") }
        }
        writeFileSync(configuration, JSON.stringify({ credentials }), { mode: 0o600 })
        const env = { HOLDFAST_CONFIG: configuration }
        const daemon = yield* Daemon.start({ relayUrl: "http://127.0.0.1:9/mcp", env })
        const script = [
          "echo \"$(cat \"$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE\")\"",
          "echo \"$JIRA_URL $JIRA_USERNAME $JIRA_EMAIL $JIRA_API_TOKEN\"",
          `curl --silent --netrc-file "$NETRC" ${url}/who; echo`,
          `curl --silent --netrc-file "$NETRC" ${url.replace("127.0.0.1", "localhost")}/who; echo`,
          "stat --format %a \"$NETRC\" \"$COOKIES\"",
          "cat \"$COOKIES\"",
          "echo \"$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE $NETRC $COOKIES ${EMPTY-unset}\""
        ].join("\n")
        const exec = (...command: ReadonlyArray<string>) =>
          user.run(
            process.execPath,
            [holdfastFile, "exec", "--data-dir", daemon.dataDir, "--config", configuration, "--", ...command]
          )
        const ran = yield* exec("sh", "-c", script)
        const [google, jira, gerrit, elsewhere, ...modes] = ran.out.split("\n")
        assert.deepStrictEqual(
          [google, jira, gerrit, elsewhere, modes[0], modes[1]],
          [
            "token-of-google",
            "https://jira.test ada@jira.test ada@jira.test token-of-jira",
            "ada:token-of-gerrit|none",
            // Another host gets nothing.
            "|none",
            "600",
            "600"
          ],
          ran.err
        )
        assert.strictEqual(modes[2], "localhost\tFALSE\t/\tTRUE\t2147483647\to\tgit-ada=token-of-cookies")
        const [kept = "", netrc = "", cookies = "", empty] = (modes[3] ?? "").split(" ")
        assert.strictEqual(empty, "unset")
        assert.isFalse(existsSync(netrc) || existsSync(cookies))
        assert.strictEqual(readFileSync(kept, "utf8"), "token-of-google")
        assert.strictEqual(statSync(kept).mode & 0o777, 0o600)
        assert.match(ran.err, /without credential "nobody": .*names no user/)
        assert.match(ran.err, /without credential "empty": /)
        assert.notMatch(ran.err, /token-of-/)

        // A command that is killed together with exec leaves its files; the next turn takes them away.
        const left = dirname(netrc)
        const killed = yield* exec("sh", "-c", "echo \"$NETRC\"; kill -KILL $PPID; kill -KILL $$")
        const stranded = killed.out.trim()
        yield* exec("true")
        assert.isFalse(existsSync(stranded), stranded)
        assert.deepStrictEqual(
          readdirSync(dirname(left)).filter((name) => name.startsWith("holdfast-credentials-")),
          []
        )
      })
  )
})
