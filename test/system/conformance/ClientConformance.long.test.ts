import { describe, it } from "@effect/vitest"
import { assertEqualFindings, type ClientRun } from "./clientComparison.ts"

/** Of an extension (SEP-2640), and so in no revision's set and in no suite but by name. */
const skills = ["no-prefetch", "verify-digest", "verify-size", "verify-frontmatter"].map((name) => [
  "--scenario",
  `sep-2640-client-${name}`
])
const oldest = [["--suite", "all", "--spec-version", "2025-06-18"]]

const runs: ReadonlyArray<ClientRun> = [
  { name: "skills with client 2.4", client: "client 2.4", sets: skills, passing: 4 },
  { name: "client 2.4 at 2025-06-18", client: "client 2.4", sets: oldest, passing: 3 },
  { name: "sdk 1.32 at 2025-06-18", client: "sdk 1.32", sets: oldest, passing: 3 }
]

describe("the official conformance suite's other client scenarios", () => {
  it.live.each(runs)(
    "find the same of an official client through Holdfast as of it alone, check for check: $name",
    (run) => assertEqualFindings(run),
    120_000
  )
})
