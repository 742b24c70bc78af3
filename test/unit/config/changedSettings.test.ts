import { assert, describe, it } from "@effect/vitest"
import { changedSettings } from "../../../src/config/changedSettings.ts"
import { settingsFrom } from "../../../src/config/Settings.ts"

describe("settings that need a new start", () => {
  it("are named, never shown; relays and what is equal are not among them", () => {
    const before = settingsFrom({
      relay: { url: "http://a.test/mcp" },
      token: { value: "one" },
      outbox: { workers: 2 }
    })
    const same = settingsFrom({ relay: { url: "http://a.test/mcp" }, token: { value: "one" }, outbox: { workers: 2 } })
    assert.deepStrictEqual(changedSettings(before, same), [])
    const now = settingsFrom({
      relay: { url: "http://b.test/mcp" },
      token: { value: "two" },
      relays: { docs: { url: "http://docs.test/mcp" } },
      outbox: { workers: 3, expireAfter: "1 day" },
      credentials: { github: { provider: "github", token: { command: "echo" } } },
      observe: { listen: "127.0.0.1:0" }
    })
    assert.deepStrictEqual([...changedSettings(before, now)].sort(), [
      "credentials.github",
      "observe.listen",
      "outbox.expireAfter",
      "outbox.workers",
      "relay.url",
      "token.value"
    ])
  })
})
