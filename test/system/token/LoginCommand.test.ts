/** `holdfast login` beside a running daemon: a browser that agrees. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { launch, run } from "../../support/Program.ts"
import * as Terminal from "../../support/Terminal.ts"
import { authorizationServer } from "../../support/token/authorizationServer.ts"

describe("holdfast login", () => {
  it.live(
    "says before it begins that a login would not be used, where the settings name a source",
    () =>
      Effect.gen(function*() {
        const { code, stderr } = yield* run(["login", "--relay", "https://relay.test/mcp"], {
          HOLDFAST_TOKEN_FILE: "/x"
        })
        assert.strictEqual(code, 2)
        assert.include(stderr, "token.file")
      })
  )

  it.live(
    "takes a person through the relay's own authorization server, and the daemon notices by itself",
    () =>
      Effect.gen(function*() {
        const server = yield* authorizationServer()
        const daemon = yield* Daemon.start({ relayUrl: server.relay.href })
        const before = yield* daemon.command("token", "show")
        assert.include(before.stdout, "holdfast login")
        const doctor = yield* eventually(
          "doctor to see that the relay asks for a token",
          Terminal.run(daemon.dataDir, "doctor"),
          ({ out }) => out.includes("asks for one")
        )
        assert.match(
          doctor.out,
          /^problem {2}token default\/default: none, and the relay asks for one; do: "holdfast login"$/m
        )

        const program = launch(["login", "--relay", server.relay.href, "--data-dir", daemon.dataDir])
        yield* Effect.addFinalizer(() => Effect.sync(() => program.child.kill("SIGKILL")))
        const url = yield* eventually(
          "an address to open",
          Effect.sync(() => /http:\S+\/authorize\?\S+/.exec(program.stdout)?.[0] ?? ""),
          (found) => found !== ""
        )
        const page = yield* Effect.promise(() => fetch(url).then((response) => response.text()))
        assert.include(page, "close this page")
        const ended = yield* Effect.promise(() => program.ended)
        assert.strictEqual(ended.code, 0, program.stderr)

        const after = yield* eventually(
          "the daemon to notice",
          daemon.command("token", "show", "--json"),
          ({ stdout }) => JSON.parse(stdout)[0].state === "valid"
        )
        const said = [program.stdout, program.stderr, after.stdout, yield* daemon.stderr, yield* daemon.stdout].join(
          "\n"
        )
        assert.notInclude(said, "access-")
        assert.notInclude(said, "refresh-")
      })
  )
})
