import { assert, describe, it } from "@effect/vitest"
import { eraOf, isSupported, negotiate, supportedVersions } from "../../../src/domain/ProtocolVersion.ts"

describe("ProtocolVersion", () => {
  it("knows five revisions, one of them modern", () => {
    assert.strictEqual(supportedVersions.length, 5)
    assert.deepStrictEqual(supportedVersions.filter((version) => eraOf(version) === "modern"), ["2026-07-28"])
    assert.isFalse(isSupported("2025-01-01"))
  })

  it("grants the version asked for where it has sessions, else 2025-11-25", () => {
    assert.strictEqual(negotiate("2024-11-05"), "2024-11-05")
    assert.strictEqual(negotiate("2026-07-28"), "2025-11-25")
    assert.strictEqual(negotiate("1999-01-01"), "2025-11-25")
  })
})
