import { assert, describe, it } from "@effect/vitest"
import { relayError } from "../../../../src/relay/link/FailureText.ts"
import { LinkState } from "../../../../src/relay/link/RelayLink.ts"
import {
  ConnectionLost,
  GatewayStatus,
  LinkDown,
  RateLimited,
  RelayFailure,
  type RelayFailureReason,
  Unauthorized
} from "../../../../src/relay/RelayFailure.ts"

const told = (reason: RelayFailureReason) => relayError(new RelayFailure({ reason }))

describe("FailureText", () => {
  it("says that a call was not sent, since when the relay is away, and when it is tried next", () => {
    const error = told(new LinkDown({ why: "refused", sinceMillis: 1000, nextProbeAtMillis: 2000 }))
    assert.strictEqual(error.code, -31002)
    assert.strictEqual(
      error.message,
      "The relay cannot be reached: refused. This request was not sent, so nothing was done. "
        + "The connection is being restored; you may try again later."
    )
    assert.deepStrictEqual(error.data, {
      delivery: "not sent",
      since: "1970-01-01T00:00:01.000Z",
      nextProbeAt: "1970-01-01T00:00:02.000Z"
    })
  })

  it("says of what only reads that it can be sent again", () => {
    const failure = new RelayFailure({ reason: new ConnectionLost({ detail: "reset" }), onlyReads: true })
    assert.strictEqual(
      relayError(failure).message,
      "The connection to the relay broke: reset. This request only reads, so you can send it again."
    )
  })

  it("says that a call may have been carried out", () => {
    const failure = new RelayFailure({ reason: new ConnectionLost({ detail: "reset" }) })
    const error = relayError(failure, LinkState.Down({ since: 0, attempts: 1, nextProbeAt: 500, why: "reset" }))
    assert.strictEqual(
      error.message,
      "The connection to the relay broke: reset. This request may have been carried out: check before you send it again."
    )
    assert.deepStrictEqual(error.data, {
      delivery: "unknown",
      since: "1970-01-01T00:00:00.000Z",
      nextProbeAt: "1970-01-01T00:00:00.500Z"
    })
  })

  it("takes a 503 for not carried out, and a 502 for unknown", () => {
    const status = (status: number) => told(new GatewayStatus({ status, retryAfterMillis: undefined })).data
    assert.deepStrictEqual(status(503), { delivery: "not sent" })
    assert.deepStrictEqual(status(502), { delivery: "unknown" })
  })

  it("never repeats the relay's challenge", () => {
    const error = told(new Unauthorized({ challenge: `Bearer resource_metadata="https://evil/"` }))
    assert.notInclude(JSON.stringify(error), "evil")
  })

  it("passes on how long the relay asks to wait", () => {
    assert.include(told(new RateLimited({ retryAfterMillis: 2500 })).message, "again in 3 s")
  })
})
