/** Who else is on the machine while a person logs in: the page that their browser comes back to is open to everybody. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { eventually } from "../../support/eventually.ts"
import { launch } from "../../support/Program.ts"
import * as Terminal from "../../support/Terminal.ts"
import { authorizationServer } from "../../support/token/authorizationServer.ts"

describe("the page that a login comes back to", () => {
  it.live(
    "passes over what a neighbour or a page in the browser sends it, and takes the login's own answer",
    () =>
      Effect.gen(function*() {
        const server = yield* authorizationServer()
        const dataDir = yield* Terminal.dataDirectory
        const program = launch(["login", "--relay", server.relay.href, "--data-dir", dataDir])
        yield* Effect.addFinalizer(() => Effect.sync(() => program.child.kill("SIGKILL")))
        const url = yield* eventually(
          "an address to open",
          Effect.sync(() => /http:\S+\/authorize\?\S+/.exec(program.stdout)?.[0] ?? ""),
          (found) => found !== ""
        )
        const page = new URL(url).searchParams.get("redirect_uri")
        const answers = yield* Effect.promise(() =>
          Promise.all(
            ["", "?state=guessed&code=theirs", "?error=access_denied", "?state=&error=access_denied"].map((query) =>
              fetch(`${page}${query}`).then(({ status }) => status)
            )
          )
        )
        assert.deepStrictEqual(answers, [400, 400, 400, 400])
        assert.include(yield* Effect.promise(() => fetch(url).then((response) => response.text())), "close this page")
        const ended = yield* Effect.promise(() => program.ended)
        assert.strictEqual(ended.code, 0, program.stderr)
      }),
    60_000
  )
})
