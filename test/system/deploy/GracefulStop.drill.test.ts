/** How long a stop takes where nobody answers, against how long the service managers of docs/deploy wait for it. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { assertLedger } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { PlaneProcess } from "../../support/PlaneProcess.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const deploy = new URL("../../../docs/deploy/", import.meta.url)
const secondsIn = (file: string, pattern: RegExp): number =>
  Number(pattern.exec(readFileSync(new URL(file, deploy), "utf8"))?.[1])

const stopBounds = {
  "systemd, of a user": secondsIn("systemd/user/holdfast.service", /^TimeoutStopSec=(\d+)$/m),
  "systemd, of the machine": secondsIn("systemd/system/holdfast.service", /^TimeoutStopSec=(\d+)$/m),
  Kubernetes: secondsIn("kubernetes/base/statefulset.yaml", /terminationGracePeriodSeconds: (\d+)$/m),
  launchd: secondsIn("launchd/dev.holdfast.plist", /<key>ExitTimeOut<\/key>\s*<integer>(\d+)<\/integer>/)
}

describe("a stop while relay and control plane hang", () => {
  it.live(
    "ends cleanly before any service manager would kill it, and keeps the call that it took",
    () =>
      Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        const relay = yield* TestRelay.start()
        const plane = yield* PlaneProcess.start(directory)
        const configuration = join(directory, "holdfast.json")
        const uplinks = {
          platform: { url: plane.url, session: "s-1", token: { url: plane.tokenUrl }, timeout: "1 minute" }
        }
        writeFileSync(configuration, JSON.stringify({ uplinks }))
        const daemon = yield* Daemon.start({
          relayUrl: relay.url,
          supervised: true,
          env: { HOLDFAST_CONFIG: configuration }
        })
        const client = yield* Clients.client(daemon.url, { secret: daemon.secret })
        yield* client.tools
        const agent = yield* rawAgent(daemon)
        yield* agent.get()
        yield* eventually("a record at the plane", Effect.sync(() => plane.records.length), (count) => count > 0)

        yield* relay.control.hold("before commit")
        const queued = yield* Effect.forkScoped(agent.call("relay_send_message", { to: "b", text: "kept" }))
        const lost = yield* Effect.forkScoped(agent.call("silent"))
        yield* Effect.forkScoped(Effect.ignore(client.call("silent")))
        yield* relay.control.awaitHeld("before commit")
        yield* eventually(
          "the calls at the relay",
          relay.requests,
          (all) => all.filter(({ tool }) => tool === "silent").length === 2
        )
        yield* plane.stop
        yield* relay.stop

        const from = yield* Clock.currentTimeMillis
        assert.deepStrictEqual(yield* daemon.terminate, { code: 0, signal: null })
        const seconds = ((yield* Clock.currentTimeMillis) - from) / 1000
        for (const [manager, bound] of Object.entries(stopBounds)) assert.isBelow(seconds, bound, manager)
        assert.include((yield* Fiber.join(queued)).text, "queued")
        assert.include((yield* Fiber.join(lost)).text, "error")

        yield* relay.cont
        yield* relay.restart()
        yield* daemon.restart()
        yield* assertLedger(relay, ["kept"])
      }),
    90_000
  )
})
