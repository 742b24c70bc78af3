import { assert, describe, it } from "@effect/vitest"
import { AgentName } from "../../../../src/domain/Ids.ts"
import { maxLength, WaitingCalls } from "../../../../src/mcp/handlers/WaitingCalls.ts"

const alice = AgentName.make("alice")
const bob = AgentName.make("bob")

describe("an agent's calls that wait for it", () => {
  it("hold 16 MiB together, requests and answers, whatever another agent's hold", () => {
    const calls = new WaitingCalls()
    const first = calls.enter(alice, maxLength - 1_000)
    assert.isUndefined(calls.enter(alice, 1_001))
    const second = calls.enter(alice, 600)
    assert.isDefined(calls.enter(bob, maxLength))
    assert.isFalse(second?.holds(401))
    assert.isTrue(second?.holds(400))
    assert.isUndefined(calls.enter(alice, 1))
    second?.leave()
    second?.leave()
    assert.isDefined(calls.enter(alice, 1_000))
    first?.leave()
    assert.isDefined(calls.enter(alice, maxLength - 1_000))
  })

  it("are 2,000 at most", () => {
    const calls = new WaitingCalls()
    const places = Array.from({ length: 2_000 }, () => calls.enter(alice, 1))
    assert.isUndefined(calls.enter(alice, 1))
    assert.isDefined(calls.enter(bob, 1))
    places[7]?.leave()
    assert.isDefined(calls.enter(alice, 1))
  })
})
