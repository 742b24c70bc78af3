import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { depth } from "../../support/depth.ts"
import { FakeRelay } from "../../support/outbox/FakeRelay.ts"
import { Commands, live } from "./modelled.ts"

describe("the queue", () => {
  it.effect.prop(
    "is what its model says, after any commands",
    [Commands],
    ([commands]) => live(commands).pipe(Effect.scoped, Effect.provide(FakeRelay.layer)),
    { timeout: 300_000, arbitrary: { runs: depth({ short: 12, drill: 100 }), seed: "holdfast", size: 40 } }
  )
})
