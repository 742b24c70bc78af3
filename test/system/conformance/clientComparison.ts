/** The client scenarios of the conformance suite, as found of an official client alone and through Holdfast. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { clientCommand, type ClientName } from "./ClientHost.ts"
import { clientConformance, compare } from "./Suite.ts"

export interface ClientRun {
  readonly name: string
  readonly client: ClientName
  readonly sets: ReadonlyArray<ReadonlyArray<string>>
  /** At least so many checks have to pass through Holdfast: a client that did nothing would compare equal too. */
  readonly passing: number
}

/** For a client that takes long and opens no stream Holdfast listens itself, and the suite checks that request, too. */
const isOwnListening = ({ check, direct, through }: { check: string; direct: string; through: string }): boolean =>
  check.endsWith("_subscriptions_listen") && direct === "" && through === "SUCCESS"

export const assertEqualFindings = Effect.fnUntraced(function*({ client, name, passing, sets }: ClientRun) {
  const found = (through: boolean) =>
    Effect.gen(function*() {
      const command = yield* clientCommand(client, through)
      const findings = yield* Effect.forEach(sets, (set) => clientConformance(command, set), { concurrency: 2 })
      return new Map(findings.flatMap((part) => [...part]))
    })
  const [direct, through] = yield* Effect.all([found(false), found(true)], { concurrency: 2 })
  const { differing, equal, passed } = compare(direct, through)
  yield* Effect.logInfo(`${name}: ${equal} checks equal, ${passed} of them passed`)
  assert.deepStrictEqual(differing.filter((one) => !isOwnListening(one)), [])
  assert.isAtLeast(passed, passing)
})
