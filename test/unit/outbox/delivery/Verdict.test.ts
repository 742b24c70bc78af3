import { assert, describe, it } from "@effect/vitest"
import { ofAnswer, ofFailure } from "../../../../src/outbox/delivery/Verdict.ts"
import {
  AnswerCutOff,
  ConnectFailed,
  ConnectionLost,
  Forbidden,
  GatewayStatus,
  NotJsonRpc,
  RateLimited,
  RelayFailure,
  type RelayFailureReason,
  SessionLost,
  SessionRefused,
  Unauthorized
} from "../../../../src/relay/RelayFailure.ts"

const id = "\"holdfast-1\""
const answer = (body: string, status = 200, onUnknown: "resend" | "dead" = "resend") =>
  ofAnswer({ status, text: `{"jsonrpc":"2.0","id":${id},${body}}` }, id, onUnknown)
const error = (code: number, status = 200) => answer(`"error":{"code":${code},"message":"words"}`, status)._tag
const failure = (reason: RelayFailureReason, onUnknown: "resend" | "dead", linkUp: boolean) =>
  ofFailure(new RelayFailure({ reason }), onUnknown, linkUp)._tag

describe("Verdict", () => {
  it("delivers a result, and keeps its text as it came", () => {
    assert.deepStrictEqual(answer("\"result\":{ \"n\":12345678901234567890}"), {
      _tag: "Delivered",
      result: "{ \"n\":12345678901234567890}"
    })
    assert.strictEqual(
      ofAnswer({ status: 200, text: `[{"jsonrpc":"2.0","id":${id},"result":{}}]` }, id, "resend")._tag,
      "Delivered"
    )
  })

  it("takes an error of the tool for a refusal, however much the answer holds beside it", () => {
    const dense = `[${"1,".repeat(100_000)}1]`
    assert.strictEqual(answer(`"result":{"isError":true,"content":${dense}}`)._tag, "Refused")
    assert.strictEqual(answer(`"result":{"resultType":"input_required","x":${dense}}`)._tag, "Refused")
    assert.strictEqual(answer(`"result":{"content":${dense}}`)._tag, "Delivered")
  })

  it("takes an error of the tool, or a question back, for a refusal in the relay's words", () => {
    assert.deepStrictEqual(answer("\"result\":{\"isError\":true,\"content\":[{\"type\":\"text\",\"text\":\"no\"}]}"), {
      _tag: "Refused",
      why: "no"
    })
    assert.strictEqual(answer("\"result\":{\"resultType\":\"input_required\"}")._tag, "Refused")
  })

  it("tells refusals for good from errors that may pass", () => {
    assert.deepStrictEqual([-32600, -32601, -32602].map((code) => error(code)), ["Refused", "Refused", "Refused"])
    assert.deepStrictEqual([-32603, -32000, 1].map((code) => error(code)), ["Retry", "Retry", "Retry"])
    assert.deepStrictEqual([408, 409, 425, 500].map((status) => error(-32000, status)), Array(4).fill("Retry"))
    assert.deepStrictEqual([401, 403].map((status) => error(-32000, status)), ["Hold", "Hold"])
    assert.strictEqual(error(-32000, 429), "Wait")
    assert.strictEqual(
      ofAnswer(
        { status: 400, text: "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"x\"}}" },
        id,
        "dead"
      )._tag,
      "Refused"
    )
  })

  it("takes an error that may pass for an unknown outcome where a call must not be sent twice", () => {
    const dead = (code: number, status = 200) => answer(`"error":{"code":${code},"message":"x"}`, status, "dead")._tag
    assert.deepStrictEqual([200, 409, 500].map((status) => dead(-32603, status)), Array(3).fill("Unknown"))
    assert.deepStrictEqual([401, 403, 429, 503].map((status) => dead(-32603, status)), [
      "Hold",
      "Hold",
      "Wait",
      "Retry"
    ])
    assert.strictEqual(dead(-32602), "Refused")
    assert.strictEqual(ofAnswer({ status: 200, text: "{}" }, id, "dead")._tag, "Unknown")
  })

  it("sends again at once what a relay that was away cannot have carried out, and counts it where the relay was there", () => {
    const away = new ConnectFailed({ detail: "refused" })
    assert.strictEqual(failure(away, "dead", false), "BackToHead")
    assert.strictEqual(failure(away, "dead", true), "Retry")
    assert.strictEqual(failure(new GatewayStatus({ status: 503, retryAfterMillis: undefined }), "dead", true), "Retry")
    assert.strictEqual(failure(new SessionLost({ status: 404 }), "dead", true), "Retry")
    assert.strictEqual(failure(new SessionRefused({ code: -32603, detail: "x" }), "dead", true), "Retry")
  })

  it("asks the rule for unknown outcomes first where the relay may have carried it out", () => {
    for (
      const reason of [
        new ConnectionLost({ detail: "reset" }),
        new AnswerCutOff({ detail: "cut" }),
        new GatewayStatus({ status: 502, retryAfterMillis: undefined }),
        new NotJsonRpc({ status: 500, contentType: "text/html", retryAfterMillis: undefined })
      ]
    ) {
      assert.strictEqual(failure(reason, "dead", true), "Unknown")
      assert.strictEqual(failure(reason, "dead", false), "Unknown")
      assert.strictEqual(failure(reason, "resend", false), "BackToHead")
      assert.strictEqual(failure(reason, "resend", true), "Retry")
    }
  })

  it("holds on 401 and 403 and waits on 429, whatever the rule for unknown outcomes", () => {
    assert.strictEqual(failure(new Unauthorized({ challenge: undefined }), "dead", true), "Hold")
    assert.strictEqual(failure(new Forbidden({ detail: "x" }), "dead", true), "Hold")
    const wait = ofFailure(new RelayFailure({ reason: new RateLimited({ retryAfterMillis: 7_000 }) }), "dead", true)
    assert.deepStrictEqual(wait, { _tag: "Wait", why: "the relay asks to slow down (429)", millis: 7_000 })
  })
})
