/** The official conformance suite's scenarios about authorization, with Holdfast as the client. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { clientSuite } from "./ClientSuite.ts"
import { notOurs } from "./Driver.ts"

/** What each revision requires of a client, and the extensions that Holdfast has: none may be missing, none may fault. */
const always = [
  "auth/basic-cimd",
  "auth/client-credentials-basic",
  "auth/client-credentials-jwt",
  "auth/dpop",
  "auth/dpop-nonce",
  "auth/metadata-default",
  "auth/metadata-var1",
  "auth/metadata-var2",
  "auth/metadata-var3",
  "auth/pre-registration",
  "auth/scope-from-scopes-supported",
  "auth/scope-from-www-authenticate",
  "auth/scope-omitted-when-undefined",
  "auth/scope-retry-limit",
  "auth/scope-step-up",
  "auth/token-endpoint-auth-basic",
  "auth/token-endpoint-auth-none",
  "auth/token-endpoint-auth-post"
]
const sets = [
  { set: ["--requirements", "2025-11-25"], scenarios: always },
  {
    set: ["--requirements", "2026-07-28"],
    scenarios: [
      ...always,
      "auth/authorization-server-migration",
      "auth/iss-normalized",
      "auth/iss-not-advertised",
      "auth/iss-supported",
      "auth/iss-supported-missing",
      "auth/iss-unexpected",
      "auth/iss-wrong-issuer",
      "auth/metadata-issuer-mismatch",
      "auth/offline-access-not-supported",
      "auth/offline-access-scope",
      "auth/resource-mismatch"
    ]
  },
  {
    set: ["--suite", "backcompat", "--spec-version", "2025-03-26"],
    scenarios: ["auth/2025-03-26-oauth-endpoint-fallback", "auth/2025-03-26-oauth-metadata-backcompat"]
  }
]

describe("the official conformance suite, of a client's authorization", () => {
  it.live.each(sets.map((one) => ({ ...one, name: one.set.join(" ") })))(
    "finds no fault in Holdfast: $name",
    ({ scenarios, set }) =>
      Effect.gen(function*() {
        const { died, verdicts } = yield* clientSuite(set)
        const ours = [...verdicts].filter(([scenario]) => !Object.hasOwn(notOurs, scenario))
        assert.sameMembers(ours.map(([scenario]) => scenario), scenarios)
        const faulty = ours.filter(([, { faults, passed }]) => faults.length > 0 || passed === 0)
          .map(([scenario, { faults }]) => ({ scenario, faults, died: died.get(scenario) }))
        assert.deepStrictEqual(faulty, [])
        // Where the suite means the client to refuse, Holdfast ended for that reason; elsewhere it did its work.
        for (const [scenario, why] of died) assert.match(why, refusals[scenario] ?? /^$/, scenario)
      })
  )
})

/** Why the client gives up where it should. */
const refusals: Readonly<Record<string, RegExp>> = {
  "auth/scope-retry-limit": /./,
  "auth/resource-mismatch": /wrong resource/,
  "auth/iss-wrong-issuer": /wrong issuer/,
  "auth/iss-supported-missing": /wrong issuer/,
  "auth/iss-unexpected": /wrong issuer/,
  "auth/iss-normalized": /wrong issuer/,
  "auth/metadata-issuer-mismatch": /wrong issuer/
}
