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

"yes" was seen to work, through Holdfast. "–" is not in that revision. A "no" would stand with the words of its error: what
one era of the protocol cannot say in the other is never dropped in silence.

Three things the protocol forces, which no row shows:

- A client of 2025-11-25 may answer a question with an error. Revision 2026-07-28 has no form for that. For a form or a link
  the relay is told that the user cancelled; for the model or the folders the call ends with an error that names it.
- A relay with sessions may ask outside of any call. An agent of 2026-07-28 can be asked only while a call of its own runs:
  the one that began last is asked, and where there is none the relay gets an error.
- A call about which a relay with sessions asks an agent of 2026-07-28 goes on over a restart of Holdfast where the relay's stream
  has event ids. Where it has none, or the relay itself is restarted, its answer is lost: a call that may be repeated is sent again
  and its question answered from what the agent said; of any other the agent gets an error that it may have been carried out.

Tasks of the relay (\`io.modelcontextprotocol/tasks\`) pass where client and relay both speak 2026-07-28: made, asked for, answered,
cancelled, and told of on a listen stream. No official server package has them, so they are no column: two tests show them with a relay
by hand, \`test/system/eras/RelayTasks.test.ts\` with the extension's own client, and \`test/system/conformance/Conformance.drill.test.ts\`
with the suite's ten scenarios, check for check as at the relay. Across eras there are none: revision 2025-11-25 has tasks of another
form. [Holdfast's own tasks](behaviour.md#tasks) are there for a client of 2026-07-28 in front of each of these relays.

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
