/** What a person sees in a real terminal while a command waits. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { hasTmux, inTmux } from "../../support/tmux.ts"
import { browse } from "../../support/token/BrowserUser.ts"
import { openIdServer } from "../../support/token/OpenIdServer.ts"

describe("a command that waits", () => {
  it.live.skipIf(!hasTmux)(
    "draws in one row how long a login has waited, and leaves nothing of it",
    () =>
      Effect.gen(function*() {
        const server = yield* openIdServer()
        const daemon = yield* Daemon.start({ relayUrl: server.relay.href })
        const pane = yield* inTmux(["login", "--data-dir", daemon.dataDir], { columns: 400 })
        const waits = /^waiting for somebody to agree \(seconds\) {2}█*░+ [1-9]\d* of 600$/m
        const screen = yield* eventually("the bar", pane.screen, (screen) => waits.test(screen))
        assert.lengthOf(screen.split("waiting for somebody"), 2)
        const [url = ""] = /https?:\/\/\S+\/auth\?\S+/.exec(screen) ?? []
        yield* browse("alice", url)
        const end = yield* eventually("the end", pane.screen, (screen) => screen.includes("ended with 0"))
        assert.include(end, "logged in as alice")
        assert.notInclude(end, "waiting for somebody")
      })
  )
})
