import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Daemon } from "../../support/Daemon.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { relayEras, rows } from "./matrix.ts"
import { page } from "./matrixPage.ts"

const file = fileURLToPath(new URL("../../../docs/matrix.md", import.meta.url))

const head = `# Which client, which revision, which relay

This page is made by a test, \`test/system/eras/Matrix.drill.test.ts\`, which runs each client in front of each relay and fails where
the page says anything else. To write it anew: \`UPDATE_MATRIX=1 npm run test:drills -- Matrix\`.

"yes" was seen to work, through Holdfast. "–" is not in that revision. "no" is answered with the error whose words
are below: what one era of the protocol cannot say in the other is never dropped in silence.

`

describe("the matrix in docs/matrix.md", () => {
  it.live("says what every client gets of every relay", () =>
    Effect.gen(function*() {
      const tables = yield* Effect.forEach(relayEras, ({ era, title }) =>
        Effect.gen(function*() {
          const relay = yield* TestRelay.start({ era })
          const daemon = yield* Daemon.start({ relayUrl: relay.url })
          return { title, rows: yield* rows(relay, daemon) }
        }), { concurrency: 3 })
      const { notes, text } = page(tables)
      if (process.env["UPDATE_MATRIX"] !== undefined) writeFileSync(file, `${head}${text}`)
      assert.strictEqual(`${head}${text}`, readFileSync(file, "utf8"))
      // Only what cannot be expressed is refused, and the relay's own words or ours say why.
      for (const words of notes) assert.match(words, /elicit|input/)
    }))
})
