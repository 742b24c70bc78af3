import { describe, it } from "@effect/vitest"
import { depth } from "../../support/depth.ts"
import { fromAgents, fromRelays } from "./HttpEnvelopesSearch.ts"

const count = depth({ short: 640, drill: 10_000 })

describe("bytes from a seed", () => {
  it.live.each(["legacy", "modern"] as const)(
    "that an agent sends reach a relay of the %s era as HTTP to the letter, with headers that may pass",
    (era) => fromAgents(era, "1", count)
  )

  it.live("that a relay answers reach an agent as HTTP to the letter, with headers that may pass", () =>
    fromRelays("1", count))
})
