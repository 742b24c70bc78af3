import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { depth } from "../../support/depth.ts"
import { fits, id, space, value } from "./oddJson.ts"
import { type Era, mark, metaOf, OddTraffic } from "./oddTraffic.ts"

const methods = fc.constantFrom("custom/echo", "prompts/get", "tools/call", "completion/complete")

/** The text with the first `part` taken out, which has to be there. */
const without = (text: string, part: string): string => {
  assert.include(text, part)
  return text.replace(part, () => "")
}

const sentences = (era: Era) =>
  layer(OddTraffic.layer(era), { excludeTestServices: true })(`what passes through, of the ${era} era,`, (it) => {
    it.effect(
      "is the same to the byte on both ways, whatever it is",
      () =>
        Effect.gen(function*() {
          const { pass } = yield* OddTraffic
          yield* Effect.promise(() =>
            fc.assert(
              fc.asyncProperty(methods, id, value, space, async (method, id, inner, gap) => {
                const params = `{"x":${inner},"_meta":${gap}${metaOf(era)},"name":"free"}`
                const body = `{${gap}"params":${params},"id":${gap}${id},"method":"${method}",${mark},"jsonrpc":"2.0"}`
                fc.pre(fits(body))
                const answer = `{"jsonrpc":${gap}"2.0","result":${gap}{"is":${inner}},"more":[1.0],"id":${id}}`
                const { arrived, text } = await pass(body, method, "free", () => answer)
                assert.strictEqual(text, answer)
                assert.strictEqual(arrived, body)
              }),
              { numRuns: depth({ short: 10, drill: 60 }), endOnFailure: true }
            )
          )
        })
    )

    it.effect(
      "has its id and its key spliced in where it may be queued, and not a byte else changed",
      () =>
        Effect.gen(function*() {
          const { pass } = yield* OddTraffic
          yield* Effect.promise(() =>
            fc.assert(
              fc.asyncProperty(fc.boolean(), id, value, space, async (declares, id, inner, gap) => {
                const tool = declares ? "relay_send_message" : "relay_reply"
                const params = `{"arguments":${gap}{${gap}"x":${inner}${gap}},"name":"${tool}",${gap}"_meta":${
                  metaOf(era)
                }}`
                const body =
                  `{${gap}"params":${params}${gap},${mark},"id":${gap}${id},"method":"tools/call","jsonrpc":"2.0"}`
                fc.pre(fits(body))
                const answered = (id: string) =>
                  `{"jsonrpc":${gap}"2.0","result":${gap}{"is":${inner},"content":[],"resultType":"complete"},"id":${id}}`
                let wireId = ""
                const { arrived, key, text } = await pass(body, "tools/call", tool, (seen) => {
                  wireId = seen.id
                  return answered(seen.id)
                })
                assert.strictEqual(text, answered(id))
                const member = `"holdfast/idempotencyKey":"${key}"`
                const unkeyed = without(arrived, era === "modern" ? `,${member}` : member)
                const plain = declares ? without(unkeyed, `,"idempotencyKey":"${key}"`) : unkeyed
                assert.include(plain, `${mark},"id":${gap}${wireId}`)
                assert.strictEqual(
                  plain.replace(`${mark},"id":${gap}${wireId}`, () => `${mark},"id":${gap}${id}`),
                  body
                )
              }),
              { numRuns: depth({ short: 8, drill: 40 }), endOnFailure: true }
            )
          )
        })
    )

    it.effect(
      "lacks hidden tools and the outputSchema of bufferable ones, with their commas, and nothing else",
      () =>
        Effect.gen(function*() {
          const { pass } = yield* OddTraffic
          const kinds = fc.array(fc.constantFrom("hidden", "bufferable", "other"), { maxLength: 6 })
          yield* Effect.promise(() =>
            fc.assert(
              fc.asyncProperty(kinds, id, value, space, async (kinds, id, inner, gap) => {
                const tool = (kind: string, narrowed: boolean): ReadonlyArray<string> => {
                  const definition = `{${gap}"x":${inner},"inputSchema":{"type":"object"},"name":`
                  if (kind === "other") return [`${definition}"echo","outputSchema":{}}`]
                  if (kind === "hidden") return narrowed ? [] : [`${definition}"relay_workspace_claim"}`]
                  return [`${definition}"relay_reply"${narrowed ? "" : `,${gap}"outputSchema":${gap}{}`}${gap}}`]
                }
                const answered = (narrowed: boolean) => {
                  const tools = kinds.flatMap((kind) => tool(kind, narrowed)).join(`${gap},${gap}`)
                  const scope = narrowed && kinds.includes("hidden") ? "private" : "public"
                  const told = era === "modern" ? `,"cacheScope":"${scope}","ttlMs":5,"resultType":"complete"` : ""
                  return `{"result":{"z":${inner},"tools":${gap}[${gap}${tools}${gap}]${told}},"id":${id},"jsonrpc":"2.0"}`
                }
                // What is longer than 16 MiB is no list that could be narrowed.
                fc.pre(fits(answered(false)))
                const params = `{"_meta":${gap}${metaOf(era)}}`
                const body = `{${gap}"params":${params},"id":${gap}${id},"method":"tools/list",${mark},"jsonrpc":"2.0"}`
                const { arrived, text } = await pass(body, "tools/list", "", () => answered(false))
                assert.strictEqual(arrived, body)
                // In a list that is left with nothing, one space fewer.
                const emptied = (text: string) => text.replace(/"tools":\s*\[\s*\]/, `"tools":[]`)
                assert.strictEqual(emptied(text), emptied(answered(true)))
              }),
              { numRuns: depth({ short: 8, drill: 40 }), endOnFailure: true }
            )
          )
        })
    )

    if (era === "legacy") {
      it.effect(
        "has list_changed promised in what begins a session, and else the relay's own words",
        () =>
          Effect.gen(function*() {
            const { answerWith, relay, send } = yield* OddTraffic
            yield* Effect.promise(() =>
              fc.assert(
                fc.asyncProperty(id, value, space, async (id, inner, gap) => {
                  // A relay says at most 2 MiB of itself.
                  fc.pre(inner.length < 2_000_000)
                  const result = (listChanged: boolean) =>
                    `{${gap}"protocolVersion":"2025-06-18","z":${inner},"capabilities":{"tools":{${gap}"listChanged":${gap}${listChanged}}},"serverInfo":{"name":"odd","version":"1"}}`
                  // An initialize of more than 64 KiB is refused.
                  const capability = inner.length > 60_000 ? "{}" : inner
                  const body =
                    `{${gap}"params":{"protocolVersion":"2025-06-18","capabilities":{"x":${capability}},"clientInfo":{"name":"odd","version":"1"}},"id":${gap}${id},"method":"initialize",${mark},"jsonrpc":"2.0"}`
                  fc.pre(fits(body))
                  let wireId = ""
                  answerWith((seen) => {
                    wireId = seen.id
                    return `{"jsonrpc":"2.0","id":${seen.id},"result":${result(false)}}`
                  })
                  const response = await send(body, {})
                  assert.strictEqual(await response.text(), `{"jsonrpc":"2.0","id":${id},"result":${result(true)}}`)
                  const arrived = relay.received.findLast((seen) => seen.body.includes(mark))?.body ?? ""
                  assert.include(arrived, `"id":${gap}${wireId},"method"`)
                  assert.strictEqual(
                    arrived.replace(`"id":${gap}${wireId},"method"`, () => `"id":${gap}${id},"method"`),
                    body
                  )
                  relay.received.length = 0
                }),
                { numRuns: depth({ short: 5, drill: 25 }), endOnFailure: true }
              )
            )
          })
      )
    }

    if (era === "modern") {
      it.effect(
        "has list_changed promised in what a relay says of itself, and else the relay's own words",
        () =>
          Effect.gen(function*() {
            const { pass } = yield* OddTraffic
            yield* Effect.promise(() =>
              fc.assert(
                fc.asyncProperty(id, value, space, async (id, inner, gap) => {
                  const answered = (listChanged: boolean) =>
                    `{"result":{${gap}"supportedVersions":["2026-07-28"],"z":${inner},"capabilities":{"tools":{${gap}"listChanged":${gap}${listChanged}}},"resultType":"complete"},${gap}"id":${id},"jsonrpc":"2.0"}`
                  const params = `{"_meta":${gap}${metaOf("modern")},"z":${inner}}`
                  const body =
                    `{${gap}"params":${params},"id":${gap}${id},"method":"server/discover",${mark},"jsonrpc":"2.0"}`
                  fc.pre(fits(body))
                  const { arrived, text } = await pass(body, "server/discover", "", () => answered(false))
                  assert.strictEqual(text, answered(true))
                  assert.strictEqual(arrived, body)
                }),
                { numRuns: depth({ short: 5, drill: 25 }), endOnFailure: true }
              )
            )
          })
      )
    }
  })

sentences("legacy")
sentences("modern")
