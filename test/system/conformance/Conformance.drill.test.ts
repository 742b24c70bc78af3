import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Daemon } from "../../support/Daemon.ts"
import { fixtureRelay } from "./FixtureRelay.ts"
import { secretFront } from "./SecretFront.ts"
import { compare, conformance } from "./Suite.ts"

/** At least so many checks have to pass through Holdfast: a suite that found nothing would compare equal too. */
const sets = [
  { set: ["--requirements", "2025-11-25"], passing: 84 },
  { set: ["--requirements", "2026-07-28"], passing: 145 },
  { set: ["--suite", "all"], passing: 180 }
] as const

describe("the official conformance suite", () => {
  it.live.each(sets.map(({ passing, set }) => ({ set, passing, name: set.join(" ") })))(
    "finds the same through Holdfast as at the relay itself, check for check: $name",
    ({ name, passing, set }) =>
      Effect.gen(function*() {
        const relay = yield* fixtureRelay
        const daemon = yield* Daemon.start({ relayUrl: relay })
        const front = yield* secretFront(daemon.url, daemon.secret)
        const direct = yield* conformance(relay, set)
        const { differing, equal, passed } = compare(direct, yield* conformance(front, set))
        yield* Effect.logInfo(`${name}: ${equal} checks equal, ${passed} of them passed`)
        assert.deepStrictEqual(differing, [])
        assert.isAtLeast(passed, passing)
      })
  )
})
