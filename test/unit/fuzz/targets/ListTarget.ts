/** A list's result that is gone through once, against a plain reading of RFC 8259. */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { itemTexts, mapItems, nameOf, readList } from "../../../../src/domain/ListText.ts"
import type { Dice } from "../../../support/Dice.ts"
import { get, isObject, put } from "../../../support/jsonModel.ts"
import { plainJson } from "../../../support/plainJson.ts"
import { mutated, type Target } from "../fuzz.ts"

const spaces = ["", "", "", " ", "\n", "\t"] as const
const keys = ["name", "\\u006eame", "name\\\\", "uri", "x"] as const
const values = [`"a"`, `"\\u0061"`, `"\\\\"`, `"]}"`, "null", "1.0", "[]", `{"name":"b"}`, `[{"tools":[]}]`] as const

const many = (dice: Dice, max: number, make: () => string): string =>
  Array.from({ length: dice.between(0, max) }, () => dice.of(spaces) + make() + dice.of(spaces)).join(",")

const item = (dice: Dice): string =>
  dice.chance(0.1)
    ? dice.of(values)
    : `{${dice.of(spaces)}${many(dice, 3, () => `"${dice.of(keys)}"${dice.of(spaces)}:${dice.of(values)}`)}}`

const list = (dice: Dice): string =>
  `{${dice.of(spaces)}${
    many(dice, 3, () =>
      dice.of([
        () => `"tools":[${dice.of(spaces)}${many(dice, 4, () => item(dice))}]`,
        () => `"\\u0074ools" : ${dice.of(values)}`,
        () => `"nextCursor":${dice.of(values)}`,
        () => `"_meta":${item(dice)}`
      ])())
  }}`

const parsed = (text: string): { readonly value: unknown } | undefined => {
  try {
    return { value: plainJson(text) }
  } catch {
    return undefined
  }
}

const stringAt = (value: unknown, key: string): string | undefined => {
  const found = get(value, [key])?.found
  return typeof found === "string" ? found : undefined
}

export const listTarget: Target = {
  name: "list",
  make: (dice) =>
    dice.chance(0.2) ? mutated(dice, list(dice), ["\"", "\\", "{", "}", "[", "]", ",", ":", " ", "t"]) : list(dice),
  check: (text) => {
    const read = readList("tools", text)
    const others = mapItems(read, (_, index) => index % 2 === 0 ? undefined : "7")
    ok(readList("tools", text, 1).items.length <= 2)
    const json = parsed(text)
    // The answers mean nothing there, but each comes.
    if (json === undefined) return void read.items.map(nameOf)
    const tools = get(json.value, ["tools"])?.found
    const items: ReadonlyArray<unknown> = Array.isArray(tools) ? tools : []
    deepStrictEqual(itemTexts(read).map(plainJson), items)
    deepStrictEqual(read.items.map(nameOf), items.map((item) => stringAt(item, "name")))
    strictEqual(read.nextCursor === undefined, !(isObject(json.value) && Object.hasOwn(json.value, "nextCursor")))
    if (read.nextCursor !== undefined) {
      deepStrictEqual(plainJson(read.nextCursor), get(json.value, ["nextCursor"])?.found)
    }
    const isNamed = (item: unknown) => ["name", "uri"].some((key) => stringAt(item, key) !== undefined)
    // Of a `uri` that is there twice either may count.
    for (const [index, { isNamed: named }] of read.items.entries()) ok(named || !isNamed(items[index]))
    const kept = items.flatMap((_, index) => index % 2 === 0 ? [] : [7])
    deepStrictEqual(plainJson(others), Array.isArray(tools) ? put(json.value, ["tools"], kept) : json.value)
  }
}
