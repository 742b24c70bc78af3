import { assert, describe, it } from "@effect/vitest"
import { loadSync } from "@grpc/proto-loader"
import { fileURLToPath } from "node:url"
import { file } from "../../../src/uplink/AmbientApi.ts"

const proto = fileURLToPath(new URL("../../../src/uplink/ambient.proto", import.meta.url))

interface Field {
  readonly name: string
  readonly number: number
  readonly type: string
}

describe("the descriptors of the control plane's API", () => {
  it("are those of ambient.proto", () => {
    const types: Readonly<Record<string, unknown>> = {
      3: "TYPE_INT64",
      8: "TYPE_BOOL",
      9: "TYPE_STRING",
      11: "TYPE_MESSAGE"
    }
    const parsed = loadSync(proto, { keepCase: true })
    const ours = file.messages.map((message) => [
      message.typeName,
      message.proto.field.map(({ name, number, type }) => `${number} ${name} ${types[type]}`)
    ])
    const theirs = Object.entries(parsed).flatMap(([name, definition]) => {
      const type = "type" in definition ? definition.type as { readonly field?: ReadonlyArray<Field> } : {}
      if (!name.startsWith("ambient.v1.") || type.field === undefined) return []
      return [[name, type.field.map(({ name, number, type }) => `${number} ${name} ${type}`)] as const]
    })
    assert.deepStrictEqual(Object.fromEntries(ours), Object.fromEntries(theirs))

    const methods = file.services.map((service) => [
      service.typeName,
      service.methods.map(({ input, methodKind, name, output }) => `${name} ${methodKind} ${input.name} ${output.name}`)
    ])
    assert.deepStrictEqual(Object.fromEntries(methods), {
      "ambient.v1.SessionService": [
        "PushSessionMessage unary PushSessionMessageRequest SessionMessage",
        "WatchSessionMessages server_streaming WatchSessionMessagesRequest SessionMessage"
      ],
      "ambient.v1.InboxService": ["WatchInboxMessages server_streaming WatchInboxMessagesRequest InboxMessage"]
    })
    for (const service of file.services) {
      assert.sameMembers(Object.keys(parsed[service.typeName] ?? {}), service.methods.map(({ name }) => name))
    }
  })
})
