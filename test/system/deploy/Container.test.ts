/** The container that docs/deploy/container describes, run in a namespace: read-only, without rights, as nobody. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { childEnvironment, memoryDirectory } from "../../support/environment.ts"
import { eventually } from "../../support/eventually.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { image, layOut } from "./containerRoot.ts"

const canRun = process.env["BUNDLED_HOLDFAST"] !== undefined && process.getuid?.() === 0
  && spawnSync("unshare", ["--mount", "true"]).status === 0
const script = fileURLToPath(new URL("inContainer.sh", import.meta.url))

describe("the container", () => {
  it.live.skipIf(!canRun)(
    "serves, is healthy and stops cleanly on a read-only file system, as a user without any right",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const place = yield* Effect.acquireRelease(
          Effect.sync(() => mkdtempSync(join(memoryDirectory(), "container-"))),
          (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
        )
        const root = join(place, "root")
        const volume = join(place, "volume")
        const [uid = "", gid = ""] = image.user
        layOut(root)
        // As a runtime mounts one: of another owner, whose group may write.
        mkdirSync(volume)
        chownSync(volume, 0, Number(gid))
        chmodSync(volume, 0o2770)
        chmodSync(place, 0o755)

        const env = {
          ...image.env,
          PATH: "/usr/local/bin:/usr/bin:/bin",
          HOLDFAST_RELAY_URL: relay.url,
          HOLDFAST_PORT: "0",
          HOLDFAST_OBSERVE_LISTEN: "127.0.0.1:0"
        }
        let output = ""
        const child = yield* Effect.acquireRelease(
          Effect.sync(() => {
            const inside = ["--mount", script, root, volume, uid, gid, ...image.command]
            const child = spawn("unshare", inside, { env: { ...env, ...onlyPath }, stdio: ["ignore", "pipe", "pipe"] })
            for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => output += String(chunk))
            return child
          }),
          (child) => Effect.sync(() => child.kill("SIGKILL"))
        )
        const ended = new Promise<number | null>((done) => child.once("close", done))
        yield* eventually("readiness", Effect.sync(() => output), (text) => text.includes("Holdfast is ready"))

        const status = readFileSync(`/proc/${child.pid}/status`, "utf8")
        assert.match(status, new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s+${uid}`, "m"))
        assert.match(status, /^CapEff:\s+0+$/m)
        assert.match(status, /^NoNewPrivs:\s+1$/m)

        const inside = (...command: ReadonlyArray<string>) =>
          spawnSync(
            "nsenter",
            [`--target=${child.pid}`, "--mount", "--root", "--wd", `--setuid=${uid}`, `--setgid=${gid}`, ...command],
            { env, encoding: "utf8" }
          )
        const health = inside(...image.healthcheck)
        assert.strictEqual(health.status, 0, `${health.stdout}${health.stderr}${health.error}`)
        assert.match(health.stdout, /^ready/)
        for (const folder of ["/", "/usr/local/lib/holdfast", "/run", "/etc"]) {
          assert.notStrictEqual(inside("/bin/sh", "-c", `: > ${folder}/written`).status, 0, folder)
        }

        const data = join(volume, "data")
        assert.strictEqual(statSync(data).mode & 0o777, 0o700)
        assert.strictEqual(statSync(data).uid, Number(uid))
        const { port, url } = JSON.parse(readFileSync(join(data, "endpoint.json"), "utf8"))
        const agent = yield* rawAgent({ url, port, secret: readFileSync(join(data, "agent-secret"), "utf8").trim() })
        assert.include((yield* agent.call("echo", { text: "from inside" })).text, "from inside")

        child.kill("SIGTERM")
        assert.strictEqual(yield* Effect.promise(() => ended), 0, output)
      })
  )
})

/** For `unshare` and the script; the container's own comes first in what they start. */
const onlyPath = { PATH: `/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`, LANG: childEnvironment()["LANG"] ?? "C" }
