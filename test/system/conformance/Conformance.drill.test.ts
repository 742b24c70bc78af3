import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Daemon } from "../../support/Daemon.ts"
import { fixtureRelay } from "./FixtureRelay.ts"
import { secretFront } from "./SecretFront.ts"
import { compare, conformance, type Findings } from "./Suite.ts"
import { tasksRelay } from "./TasksRelay.ts"

/** At least so many checks have to pass through Holdfast: a suite that found nothing would compare equal too. */
const sets = [
  { set: ["--requirements", "2025-11-25"], passing: 84 },
  { set: ["--requirements", "2026-07-28"], passing: 136 },
  { set: ["--suite", "all"], passing: 174 }
] as const

const aboutTasks = [
  "lifecycle",
  "capability-negotiation",
  "wire-fields",
  "request-state-removal",
  "mrtr-input",
  "request-headers",
  "dispatch-and-envelope",
  "status-notifications",
  "required-task-error",
  "mrtr-composition"
].map((name) => `tasks-${name}`)

/** The fixture relay has no tasks, and Holdfast has some of its own: those scenarios are played with a relay that has. */
const withoutTasks = (findings: Findings): Findings =>
  new Map([...findings].filter(([check]) => !aboutTasks.some((scenario) => check.startsWith(`${scenario}/`))))

describe("the official conformance suite", () => {
  it.live.each(sets.map(({ passing, set }) => ({ set, passing, name: set.join(" ") })))(
    "finds the same through Holdfast as at the relay itself, check for check: $name",
    ({ name, passing, set }) =>
      Effect.gen(function*() {
        const relay = yield* fixtureRelay
        const daemon = yield* Daemon.start({ relayUrl: relay })
        const front = yield* secretFront(daemon.url, daemon.secret)
        const direct = yield* conformance(relay, set)
        const { differing, equal, passed } = compare(withoutTasks(direct), withoutTasks(yield* conformance(front, set)))
        yield* Effect.logInfo(`${name}: ${equal} checks equal, ${passed} of them passed`)
        assert.deepStrictEqual(differing, [])
        assert.isAtLeast(passed, passing)
      })
  )

  it.live("finds the same of a relay's tasks through Holdfast as at the relay itself", () =>
    Effect.gen(function*() {
      const relay = yield* tasksRelay
      const daemon = yield* Daemon.start({ relayUrl: relay })
      const front = yield* secretFront(daemon.url, daemon.secret)
      const all = (url: string) =>
        Effect.map(
          Effect.forEach(aboutTasks, (name) => conformance(url, ["--scenario", name]), { concurrency: 3 }),
          (found) => new Map(found.flatMap((findings) => [...findings]))
        )
      const { differing, equal, passed } = compare(yield* all(relay), yield* all(front))
      yield* Effect.logInfo(`tasks: ${equal} checks equal, ${passed} of them passed`)
      assert.deepStrictEqual(differing, [])
      assert.isAtLeast(passed, 44)
    }), 180_000)
})
