import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { holdfast } from "../../support/InProcess.ts"

const nowhere = new URL("http://127.0.0.1:9/mcp")

describe("Holdfast as a library", () => {
  it.live("leaves standard input to the program that embeds it, whatever the number of relays", () =>
    Effect.gen(function*() {
      const listeners = () => process.stdin.eventNames().map((name) => [name, process.stdin.listenerCount(name)])
      const before = listeners()
      yield* holdfast(nowhere, { relays: { one: { url: nowhere.href }, two: { url: nowhere.href } } })
      assert.deepStrictEqual(listeners(), before)
    }))
})
