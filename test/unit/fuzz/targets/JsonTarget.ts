/** Scan and splice against a plain reading of RFC 8259: the same values, and nothing changed beside what was to be. */
import { Result } from "effect"
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { canonical } from "../../../../src/domain/CanonicalJson.ts"
import * as JsonScan from "../../../../src/domain/JsonScan.ts"
import * as JsonText from "../../../../src/domain/JsonText.ts"
import * as JsonValue from "../../../../src/domain/JsonValue.ts"
import * as Message from "../../../../src/domain/Message.ts"
import { Dice } from "../../../support/Dice.ts"
import { drop, get, isObject, put } from "../../../support/jsonModel.ts"
import { plainJson } from "../../../support/plainJson.ts"
import { mutated, type Target } from "../fuzz.ts"

const spaces = ["", "", "", "", " ", "\n  ", "\t", "\r\n"] as const
const scalars = [
  "0",
  "-0",
  "1.0",
  "1e3",
  "1E400",
  "12345678901234567890",
  "true",
  "false",
  "null",
  "\"\"",
  "\"2.0\"",
  "\"a\"",
  "\"\\ud800\"",
  "\"\\\\\"",
  "\"\\\"}],\\\\\\\"\"",
  "\"é😀\u2028\"",
  "\"{[,:\""
] as const
const keys = [
  "a",
  "b",
  "id",
  "jsonrpc",
  "method",
  "params",
  "result",
  "error",
  "code",
  "message",
  "isError",
  "resultType",
  "_meta",
  "__proto__",
  "constructor",
  "",
  "a\"",
  "a\\",
  "é",
  "\ud83d\ude00"
] as const

const escaped = (dice: Dice, text: string): string =>
  `"${
    text.split("").map((unit) =>
      dice.chance(0.2)
        ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
        : JSON.stringify(unit).slice(1, -1)
    ).join("")
  }"`

const value = (dice: Dice, depth: number): string => {
  const space = () => dice.of(spaces)
  const many = (make: () => string) => Array.from({ length: dice.between(0, 4) }, make).join(",")
  const kind = depth <= 0 ? 2 : dice.between(0, 3)
  const inner = kind === 0
    ? `[${space()}${many(() => value(dice, depth - 1))}]`
    : kind === 1
    ? `{${space()}${many(() => `${space()}${escaped(dice, dice.of(keys))}${space()}:${value(dice, depth - 1)}`)}}`
    : dice.of(scalars)
  return space() + inner + space()
}

/** What is nearly a message of JSON-RPC. */
const message = (dice: Dice): string => {
  const given: ReadonlyArray<readonly [string, () => string]> = [
    ["jsonrpc", () => dice.chance(0.9) ? "\"2.0\"" : value(dice, 0)],
    ["id", () => dice.chance(0.7) ? dice.of(["1", "\"a\"", "1.0", "12345678901234567890"]) : value(dice, 1)],
    ["method", () => dice.chance(0.7) ? "\"tools/call\"" : value(dice, 1)],
    ["params", () => value(dice, 2)],
    ["result", () => value(dice, 2)],
    ["error", () => dice.chance(0.7) ? "{\"code\":-32602,\"message\":\"no\"}" : value(dice, 1)]
  ]
  const chosen = given.filter(() => dice.chance(0.55)).map(([key, make]) => `${escaped(dice, key)}:${make()}`)
  return `{${dice.of(spaces)}${chosen.join(`,${dice.of(spaces)}`)}}`
}

const paths = (dice: Dice): JsonText.Path =>
  Array.from({ length: dice.between(1, 3) }, () => dice.chance(0.7) ? dice.of(keys) : dice.between(0, 2))

const parsed = (text: string): { readonly value: unknown } | undefined => {
  try {
    return { value: plainJson(text) }
  } catch {
    return undefined
  }
}

const valuesIn = (value: unknown): number =>
  typeof value === "object" && value !== null
    ? 1 + Object.values(value).reduce((sum: number, each) => sum + valuesIn(each), 0)
    : 1

const sameSplices = (text: string, value: unknown, dice: Dice): void => {
  const path = paths(dice)
  const found = JsonText.at(text, path)
  const expected = get(value, path)
  deepStrictEqual(found === undefined ? undefined : { found: plainJson(found) }, expected)
  const other = dice.of(scalars)
  const changed = JsonText.set(text, path, other)
  deepStrictEqual(plainJson(changed), put(value, path, JSON.parse(other)))
  if (found !== undefined) strictEqual(JsonText.set(changed, path, found), text)
  deepStrictEqual(plainJson(JsonText.remove(text, path)), drop(value, path))
  const array = expected !== undefined && Array.isArray(expected.found) ? expected.found : []
  deepStrictEqual(JsonText.elements(text, path).map(plainJson), array)
  const kept = JsonText.keepElements(text, path, (_, index) => index % 2 === 0)
  deepStrictEqual(
    plainJson(kept),
    Array.isArray(expected?.found) ? put(value, path, array.filter((_, index) => index % 2 === 0)) : value
  )
}

/** The same values in a text of megabytes, of which more is remembered. */
const large = (dice: Dice, text: string): string => {
  let out = text
  for (let times = dice.between(1, 3); times > 0; times--) {
    // Outside of strings, behind a bracket or a comma.
    const places = Array.from(out.matchAll(/"(?:[^"\\]|\\.)*"|[[{,]/g)).filter(([found]) => found.length === 1)
    const place = places[dice.between(0, places.length - 1)]
    const at = place === undefined ? 0 : place.index + 1
    out = out.slice(0, at) + " ".repeat(66_000) + out.slice(at)
  }
  return out
}

/** V8 accepts the same texts, and its values are right with `JsonValue` as far inside as anybody looks. */
const sameAcceptance = (text: string, value: { readonly value: unknown } | undefined): void => {
  let read: { readonly value: unknown } | undefined
  try {
    read = { value: JsonValue.parse(text) }
  } catch {
    // As it should be, where the text is no JSON.
  }
  strictEqual(read !== undefined, value !== undefined)
  const keysIn = (value: unknown, depth: number): unknown =>
    depth > 0 && typeof value === "object" && value !== null
      ? Object.entries(value).map(([key, member]) => [key, keysIn(member, depth - 1)])
      : undefined
  deepStrictEqual(keysIn(read?.value, 3), keysIn(value?.value, 3))
}

const isId = (id: unknown): boolean => typeof id === "string" || typeof id === "number"

/** JSON-RPC 2.0: what it is taken for, and its id. */
const expectedOf = (value: unknown): string => {
  if (Array.isArray(value)) {
    return value.length === 0 || value.some((each) => expectedOf(each) === "no")
      ? "no"
      : "Batch"
  }
  if (!isObject(value) || value["jsonrpc"] !== "2.0") return "no"
  const has = (key: string) => Object.hasOwn(value, key)
  if (has("method")) {
    if (typeof value["method"] !== "string") return "no"
    const params = value["params"] ?? {}
    if (!isObject(params) && !Array.isArray(params)) return "no"
    if (Array.isArray(params)) return "either"
    if (!has("id")) return "Notification"
    return isId(value["id"]) ? `Request ${JSON.stringify(value["id"])}` : "no"
  }
  const error = value["error"] ?? undefined
  if (error === undefined ? !has("result") : has("result")) return "no"
  if (
    error !== undefined &&
    !(isObject(error) && typeof error["code"] === "number" && typeof error["message"] === "string")
  ) {
    return "no"
  }
  const id = value["id"] ?? null
  return isId(id) || (id === null && error !== undefined) ? `Response ${JSON.stringify(id)}` : "no"
}

const sameMessage = (text: string, value: { readonly value: unknown } | undefined): void => {
  const read = Message.parse(text)
  if (Result.isFailure(read)) {
    strictEqual(read.failure.code, value === undefined ? -32700 : -32600)
    if (value !== undefined) ok(["no", "either"].includes(expectedOf(value.value)), `refused: ${read.failure.message}`)
    return
  }
  ok(value !== undefined, "taken for a message, and no JSON")
  const { success } = read
  const id = "id" in success ? ` ${JSON.stringify(JSON.parse(success.id))}` : ""
  const expected = expectedOf(value.value)
  if (expected !== "either") strictEqual(`${success._tag}${id}`, expected)
}

/** As if it had too many values: what is read of it by offsets alone agrees where it is JSON, and nothing throws. */
const denseMessage = (text: string, value: { readonly value: unknown } | undefined): void => {
  const read = Message.parse(text, 0)
  if (Result.isFailure(read) || value === undefined) return
  const { success } = read
  ok(success._tag === "Response" && isObject(value.value))
  strictEqual(JSON.parse(success.id), value.value["id"])
  const result = value.value["result"]
  strictEqual(
    isObject(success.result) && success.result["isError"] === true,
    isObject(result) && result["isError"] === true
  )
}

export const jsonTarget: Target = {
  name: "json",
  make: (dice) => {
    const text = dice.chance(0.4) ? message(dice) : value(dice, dice.between(0, 4))
    return dice.chance(0.3)
      ? mutated(dice, text, ["\"", "\\", "{", "}", "[", "]", ",", ":", " ", "1", "u", "\u0000", "é"])
      : text
  },
  check: (text) => {
    const value = parsed(text)
    const dice = new Dice(text)
    sameAcceptance(text, value)
    sameMessage(text, value)
    denseMessage(text, value)
    const { depth, dense } = JsonScan.measure(text, 1_000_000)
    ok(depth <= text.length && !dense)
    if (value === undefined) {
      // The answers mean nothing there, but each comes.
      const path = paths(dice)
      canonical(text)
      JsonText.at(text, path)
      JsonText.elements(text, path)
      JsonText.remove(text, path)
      JsonText.set(text, path, "1")
      JsonText.mapElements(text, path, (_, index) => index === 0 ? undefined : "2")
    } else {
      // By that an approved tool is known again.
      const one = canonical(text)
      deepStrictEqual(plainJson(one), value.value)
      strictEqual(canonical(one), one)
      strictEqual(canonical(` ${text}\n`), one)
      sameSplices(text, value.value, dice)
      if (dice.chance(0.02)) sameSplices(large(dice, text), value.value, dice)
      // A duplicated key counts, though its first value is gone.
      ok(!JsonScan.measure(text, text.length + 1).dense)
      ok(valuesIn(value.value) < 2 || JsonScan.measure(text, valuesIn(value.value) - 1).dense)
    }
  }
}
