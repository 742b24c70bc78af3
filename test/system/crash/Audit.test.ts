import { assert, describe, it } from "@effect/vitest"
import { audit, type Written } from "./Audit.ts"
import type { Outcome } from "./Client.ts"

const written = (text: string, burst: number, outcome: Outcome = "queued", asked = 1): Written => ({
  call: { text, identity: "none", refused: false },
  lane: "x",
  burst,
  told: { outcome, asked }
})
const letter = (text: string, reason: string | null) => ({ state: "dead", reason, text })
const ab = [written("a", 1), written("b", 2)]

describe("audit", () => {
  it("finds what was acknowledged and is nowhere", () => {
    assert.deepStrictEqual(audit("dedupes", ab, ["a"], []).lost, ["b"])
    assert.deepStrictEqual(audit("dedupes", ab, ["a"], [letter("b", null)]).lost, ["b"])
    assert.deepStrictEqual(audit("dedupes", ab, ["a"], [letter("b", "refused")]).lost, [])
    assert.deepStrictEqual(audit("dedupes", [written("c", 1, "no answer")], [], []).lost, [])
  })

  it("finds what is there twice, unless the relay doubles and Holdfast was told to send again", () => {
    assert.deepStrictEqual(audit("dedupes", ab, ["a", "b", "b"], []).doubled, ["b"])
    assert.deepStrictEqual(audit("lets die", ab, ["a", "b", "b"], []).doubled, ["b"])
    assert.deepStrictEqual(audit("resends", ab, ["a", "b", "b"], []).doubled, [])
  })

  it("finds what overtook another of its lane, but not within a burst", () => {
    assert.deepStrictEqual(audit("dedupes", ab, ["b", "a"], []).outOfOrder, ["a"])
    assert.deepStrictEqual(audit("resends", ab, ["a", "b", "a"], []).outOfOrder, [])
    assert.deepStrictEqual(audit("dedupes", [written("a", 1), written("b", 1)], ["b", "a"], []).outOfOrder, [])
  })

  it("finds what was done though its caller was told that it was not", () => {
    assert.deepStrictEqual(audit("dedupes", [written("a", 1, "not sent")], ["a"], []).contradicted, ["a"])
    assert.deepStrictEqual(audit("dedupes", [written("a", 1, "not sent", 2)], ["a"], []).contradicted, [])
  })

  it("finds what is of unknown outcome and no letter says so, where it must not be sent again", () => {
    const told = [written("a", 1, "unknown")]
    assert.deepStrictEqual(audit("lets die", told, ["a"], []).unexplained, ["a"])
    assert.deepStrictEqual(audit("lets die", told, [], [letter("a", "given up after 10 retries")]).unexplained, ["a"])
    assert.deepStrictEqual(audit("lets die", ab, ["a"], [letter("b", "expired")]).unexplained, ["b"])
    assert.deepStrictEqual(audit("lets die", told, ["a"], [letter("a", "unknown: it was sent")]).unexplained, [])
    assert.deepStrictEqual(audit("resends", told, ["a"], []).unexplained, [])
  })
})
