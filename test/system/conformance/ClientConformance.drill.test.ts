import { describe, it } from "@effect/vitest"
import { assertEqualFindings, type ClientRun } from "./clientComparison.ts"

const legacy = ["--suite", "all", "--spec-version", "2025-11-25"]
const modern = ["--suite", "all", "--spec-version", "2026-07-28"]

const runs: ReadonlyArray<ClientRun> = [
  { name: "sdk 1.32 at 2025-11-25", client: "sdk 1.32", sets: [legacy], passing: 20 },
  { name: "client 2.4 at 2025-11-25", client: "client 2.4", sets: [legacy], passing: 20 },
  { name: "client 2.4 at 2026-07-28", client: "client 2.4, modern", sets: [modern], passing: 64 }
]

describe("the official conformance suite's client scenarios", () => {
  it.live.each(runs)(
    "find the same of an official client through Holdfast as of it alone, check for check: $name",
    (run) => assertEqualFindings(run)
  )
})
