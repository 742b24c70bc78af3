/** What the conformance suite asks of a server's tools, prompts and resources that only give something back. */
import type { ContentBlock, JsonSchemaType } from "@modelcontextprotocol/server"

export const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
const wav = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="

const image: ContentBlock = { type: "image", data: png, mimeType: "image/png" }
export const text = (text: string): ContentBlock => ({ type: "text", text })
const embedded = (uri: string, mimeType: string, text: string): ContentBlock => ({
  type: "resource",
  resource: { uri, mimeType, text }
})

/** Tools without arguments, by what they answer. */
export const plainTools: Readonly<Record<string, Array<ContentBlock>>> = {
  test_simple_text: [text("This is a simple text response for testing.")],
  test_image_content: [image],
  test_audio_content: [{ type: "audio", data: wav, mimeType: "audio/wav" }],
  test_embedded_resource: [embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")],
  test_multiple_content_types: [
    text("Multiple content types test:"),
    image,
    embedded("test://mixed-content-resource", "application/json", `{"test":"data","value":123}`)
  ]
}

const conditional: JsonSchemaType = JSON.parse(
  `{"if":{"properties":{"contactMethod":{"const":"phone"}},"required":["contactMethod"]},`
    + `"then":{"required":["phone"]},"else":{"required":["email"]}}`
)

/** JSON Schema 2020-12 with all that SEP-1613 and SEP-2106 want to see again on the other side. */
export const rich: JsonSchemaType = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  $defs: {
    address: {
      $anchor: "addressDef",
      type: "object",
      properties: { street: { type: "string" }, city: { type: "string" } }
    }
  },
  properties: {
    name: { type: "string" },
    address: { $ref: "#/$defs/address" },
    contactMethod: { type: "string", enum: ["phone", "email"] },
    phone: { type: "string" },
    email: { type: "string" }
  },
  allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
  ...conditional,
  additionalProperties: false
}

const titled = (first: string) => [
  { const: "value1", title: `First ${first}` },
  { const: "value2", title: `Second ${first}` },
  { const: "value3", title: `Third ${first}` }
]
const options = ["option1", "option2", "option3"]

/** Forms that a tool asks the user to fill in, by the tool. */
export const forms = {
  test_elicitation_sep1034_defaults: {
    type: "object",
    properties: {
      name: { type: "string", default: "John Doe" },
      age: { type: "integer", default: 30 },
      score: { type: "number", default: 95.5 },
      status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
      verified: { type: "boolean", default: true }
    },
    required: []
  },
  test_elicitation_sep1330_enums: {
    type: "object",
    properties: {
      untitledSingle: { type: "string", enum: options },
      titledSingle: { type: "string", oneOf: titled("Option") },
      legacyEnum: { type: "string", enum: ["opt1", "opt2", "opt3"], enumNames: ["One", "Two", "Three"] },
      untitledMulti: { type: "array", minItems: 1, maxItems: 3, items: { type: "string", enum: options } },
      titledMulti: { type: "array", minItems: 1, maxItems: 3, items: { anyOf: titled("Choice") } }
    },
    required: []
  }
}
