import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import * as ForeignTime from "../../../src/domain/ForeignTime.ts"

const now = Date.UTC(2026, 10, 26, 12)
const hour = 60 * 60 * 1000

describe("ForeignTime", () => {
  it("reads a Retry-After of seconds or a date, an hour at most, and nothing else", () => {
    const cases: ReadonlyArray<readonly [string | undefined, number | undefined]> = [
      [undefined, undefined],
      ["", undefined],
      ["soon", undefined],
      ["-1", undefined],
      ["Infinity", undefined],
      ["0", 0],
      [" 7 ", 7_000],
      ["3601", hour],
      ["10000000000000", hour],
      ["99999999999999999999", hour],
      ["9".repeat(400), hour],
      ["Thu, 26 Nov 2026 12:00:30 GMT", 30_000],
      ["Thu, 26 Nov 2026 11:00:00 GMT", 0],
      ["Fri, 31 Dec 9999 23:59:59 GMT", hour]
    ]
    for (const [value, millis] of cases) assert.strictEqual(ForeignTime.retryAfterMillis(value, now), millis, value)
  })

  it("reads a moment in seconds, milliseconds or ISO 8601, none behind the year 9999", () => {
    const cases: ReadonlyArray<readonly [unknown, number | undefined]> = [
      [undefined, undefined],
      ["soon", undefined],
      [{}, undefined],
      [now / 1000, now],
      [now, now],
      [String(now), now],
      ["2026-11-26T12:00:00Z", now],
      [-5, 0],
      [Number.POSITIVE_INFINITY, ForeignTime.lastMoment],
      ["9223372036854775807", ForeignTime.lastMoment],
      ["9".repeat(400), ForeignTime.lastMoment],
      ["+275760-09-13T00:00:00Z", ForeignTime.lastMoment]
    ]
    for (const [value, millis] of cases) {
      assert.strictEqual(Option.getOrUndefined(ForeignTime.moment(value)), millis, String(value))
    }
    assert.strictEqual(new Date(ForeignTime.lastMoment).toISOString(), "9999-12-31T23:59:59.000Z")
  })

  it("reads a lifetime in seconds, a hundred years at most", () => {
    const century = 100 * 365.25 * 24 * hour
    const cases: ReadonlyArray<readonly [unknown, number | undefined]> = [
      [undefined, undefined],
      ["", undefined],
      ["soon", undefined],
      [60, 60_000],
      ["60", 60_000],
      [-60, 0],
      [1e300, century],
      ["Infinity", century]
    ]
    for (const [value, millis] of cases) {
      assert.strictEqual(Option.getOrUndefined(ForeignTime.lifetime(value)), millis, String(value))
    }
  })
})
