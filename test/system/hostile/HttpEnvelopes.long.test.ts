import { describe, it } from "@effect/vitest"
import { fromAgents, fromRelays } from "./HttpEnvelopesSearch.ts"

const hours = 3_600_000

/** A million in all. */
const count = { ofAgents: 250_000, ofRelays: 500_000 }

describe("a million envelopes from a seed", () => {
  it.live(
    "that agents send reach a relay as HTTP to the letter",
    () => fromAgents("legacy", "long", count.ofAgents),
    3 * hours
  )

  it.live(
    "that agents of the modern era send do so too",
    () => fromAgents("modern", "long", count.ofAgents),
    3 * hours
  )

  it.live(
    "that a relay answers reach an agent as HTTP to the letter",
    () => fromRelays("long", count.ofRelays),
    3 * hours
  )
})
