import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { clientCommand, type ClientName } from "./ClientHost.ts"
import { clientConformance, compare } from "./Suite.ts"

const legacy = ["--suite", "all", "--spec-version", "2025-11-25"]
const modern = ["--suite", "all", "--spec-version", "2026-07-28"]
/** Of an extension, and so in no revision's set. */
const skills = ["no-prefetch", "verify-digest", "verify-size", "verify-frontmatter"].map((name) => [
  "--scenario",
  `sep-2640-client-${name}`
])

interface Run {
  readonly name: string
  readonly client: ClientName
  readonly sets: ReadonlyArray<ReadonlyArray<string>>
  /** At least so many checks have to pass through Holdfast: a client that did nothing would compare equal too. */
  readonly passing: number
}

const runs: ReadonlyArray<Run> = [
  { name: "sdk 1.32 at 2025-11-25", client: "sdk 1.32", sets: [legacy], passing: 20 },
  { name: "client 2.4 at 2025-11-25, and skills", client: "client 2.4", sets: [legacy, ...skills], passing: 24 },
  { name: "client 2.4 at 2026-07-28", client: "client 2.4, modern", sets: [modern], passing: 64 }
]

describe("the official conformance suite's client scenarios", () => {
  it.live.each(runs)(
    "find the same of an official client through Holdfast as of it alone, check for check: $name",
    ({ client, name, passing, sets }) =>
      Effect.gen(function*() {
        const found = (through: boolean) =>
          Effect.gen(function*() {
            const command = yield* clientCommand(client, through)
            const findings = yield* Effect.forEach(sets, (set) => clientConformance(command, set), { concurrency: 2 })
            return new Map(findings.flatMap((part) => [...part]))
          })
        const [direct, through] = yield* Effect.all([found(false), found(true)], { concurrency: 2 })
        const { differing, equal, passed } = compare(direct, through)
        yield* Effect.logInfo(`${name}: ${equal} checks equal, ${passed} of them passed`)
        assert.deepStrictEqual(differing, [])
        assert.isAtLeast(passed, passing)
      }),
    60_000
  )
})
