import { assert, describe, it } from "@effect/vitest"
import { settingsFrom } from "../../../src/config/Settings.ts"
import * as Queueing from "../../../src/menu/Queueing.ts"

import { toolSpecs } from "../../../src/menu/ToolSpec.ts"
import * as SocketTools from "../../../src/relay/socket/SocketTools.ts"

type Outbox = Parameters<typeof settingsFrom>[0]["outbox"]

/** What is said of one tool, from its definition as a relay lists it. */
const of = (definition: { readonly name: string; readonly [member: string]: unknown }, outbox: Outbox = {}) => {
  const [spec] = toolSpecs(JSON.stringify({ tools: [definition] })).values()
  assert(spec !== undefined)
  return Queueing.compile(settingsFrom({ outbox }).outbox)(spec)
}

const withKey = { inputSchema: { type: "object", properties: { idempotencyKey: { type: "string" } } } }

describe("Queueing", () => {
  it("queues what the settings name, and tells by which name or glob", () => {
    assert.deepInclude(of({ name: "relay_reply" }), { _tag: "Queued", pattern: "relay_reply" })
    assert.deepInclude(of({ name: "chat_send" }, { bufferable: ["x", "chat_*"] }), {
      _tag: "Queued",
      pattern: "chat_*"
    })
    assert.deepInclude(of({ name: "relay_reply" }, { bufferable: ["chat_*"] }), { _tag: "NotNamed" })
  })

  it("tells what follows from an unknown outcome, as the outbox would act", () => {
    const outbox = { bufferable: ["send"] }
    const onUnknown = (definition: object, onUnknown?: "resend" | "dead") => {
      const queueing = of({ name: "send", ...definition }, onUnknown === undefined ? outbox : { ...outbox, onUnknown })
      assert(queueing._tag === "Queued")
      return queueing.onUnknown
    }
    assert.strictEqual(onUnknown({}), "dead")
    assert.strictEqual(onUnknown(withKey), "resend")
    assert.strictEqual(onUnknown({ annotations: { idempotentHint: true } }), "resend")
    assert.strictEqual(onUnknown(withKey, "dead"), "dead")
    assert.strictEqual(onUnknown({}, "resend"), "resend")
  })

  it("proposes what the relay declares safe to repeat, and nothing else", () => {
    assert.deepInclude(of({ name: "post", ...withKey }), { _tag: "Proposable", declares: "idempotencyKey" })
    assert.deepInclude(of({ name: "put", annotations: { idempotentHint: true } }), {
      _tag: "Proposable",
      declares: "idempotentHint"
    })
    assert.strictEqual(of({ name: "post" })._tag, "NotNamed")
    assert.strictEqual(of({ name: "open", inputSchema: { additionalProperties: true } })._tag, "NotNamed")
    assert.strictEqual(of({ name: "get", annotations: { readOnlyHint: true, idempotentHint: true } })._tag, "ReadsOnly")
  })

  it("never proposes a claim, a lock, a spawn or a shutdown; the user may still name one", () => {
    for (const name of ["relay_workspace_claim", "spawnAgent", "acquire-lock", "Shutdown"]) {
      assert.strictEqual(of({ name, ...withKey })._tag, "NeedsAnswer", name)
    }
    assert.strictEqual(of({ name: "unlockable_reclaimed_clock", ...withKey })._tag, "Proposable")
    for (const name of ["*", "relay_*", "pos?", "a,*", "a b", "a\nb"]) {
      assert.strictEqual(of({ name, ...withKey })._tag, "NotNamed", name)
    }
    assert.strictEqual(of({ name: "relay_claim", ...withKey }, { bufferable: ["relay_claim"] })._tag, "Queued")
  })

  it("says never of a tool whose definition wants that, named or not", () => {
    const queueing = Queueing.compile(settingsFrom({ outbox: { bufferable: ["relay_*"] } }).outbox)
    const tools = toolSpecs(SocketTools.listResult(true))
    const never = [...tools.values()].filter((tool) => queueing(tool)._tag === "Never").map(({ name }) => name)
    assert.deepStrictEqual(never, ["relay_spawn", "relay_release"])
    assert.strictEqual(
      of({ name: "now", _meta: { "holdfast/neverQueued": false } }, { bufferable: ["now"] })._tag,
      "Queued"
    )
  })

  it("says never of a tool whose calls must be tasks, named or not", () => {
    const definition = { name: "build", execution: { taskSupport: "required" } }
    assert.strictEqual(of(definition, { bufferable: ["build"] })._tag, "Never")
    assert.strictEqual(of({ name: "build", execution: { taskSupport: "optional" } })._tag, "NotNamed")
  })

  it("words each in one line that fits a terminal", () => {
    const lines = [
      of({ name: "relay_reply", annotations: { readOnlyHint: true } }),
      of({ name: "relay_claim" }),
      of({ name: "post", ...withKey }),
      of({ name: "post" })
    ].map(Queueing.format)
    assert.deepStrictEqual(lines, [
      "queued: outbox.bufferable names relay_reply, but the tool only reads: better not; never sent twice",
      "not queued: the agent needs the answer (claim)",
      "not queued, but could be: declares idempotencyKey",
      "not queued: not in outbox.bufferable"
    ])
  })
})
