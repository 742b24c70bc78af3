import { assert, describe, it } from "@effect/vitest"
import { Console, Effect } from "effect"
import * as fc from "fast-check"
import * as Screen from "../../../src/observability/Screen.ts"

const harmful = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u
const hostile = fc.array(
  fc.oneof(
    fc.constantFrom(
      "\u001b[31m",
      "\u001b[8m",
      "\u001b]0;x\u0007",
      "\u009b2J",
      "\u202e",
      "\u2066",
      "\r",
      "\b",
      "\u007f",
      "a",
      "é",
      "日",
      "👩‍👩‍👧"
    ),
    fc.string({ unit: "binary" })
  )
).map((parts) => parts.join(""))

describe("a text whose every character is to be seen", () => {
  it("has a name in the place of what no screen shows", () => {
    const tagged = [..."hi"].map((letter) => String.fromCodePoint(0xe0000 + letter.charCodeAt(0))).join("")
    const hidden = ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u3164", "\u00a0", "\ufe0f", "\u{e0100}", tagged]
    for (const text of hidden) assert.match(Screen.revealed(`a${text}b`), /^a(\\u\{[0-9a-f]+\})+b$/u, text)
    assert.strictEqual(Screen.revealed("plain text, é, 日本, 👍\n"), "plain text, é, 日本, 👍\n")
  })
})

describe("the one writer", () => {
  it("lets through nothing that moves the cursor, paints, or turns text around, whatever the text", () => {
    fc.assert(fc.property(hostile, (text) => {
      assert.notMatch(Screen.written(text).replaceAll(/[\t\n]/g, ""), harmful)
      assert.notMatch(Screen.oneLine(text), harmful)
    }))
  })

  it("lets through our own colors around it, and those alone", () => {
    fc.assert(fc.property(hostile, (text) => {
      const painted = Screen.written(`${Screen.ours("\u001b[31m")}${text}${Screen.ours("\u001b[0m")}`)
      assert.isTrue(painted.startsWith("\u001b[31m") && painted.endsWith("\u001b[0m"))
      assert.notMatch(painted.slice(5, -4).replaceAll(/[\t\n]/g, ""), harmful)
    }))
    assert.notInclude(Screen.written(Screen.ours("\u001b[2J")), "\u001b")
  })

  it("leaves what people write as it is", () => {
    const text = "tab\there\nünïcödé 日本語 עברית 👩‍👩‍👧 — “quoted” ✔"
    assert.strictEqual(Screen.written(text), text)
    assert.strictEqual(Screen.written("a\r\nb"), "a\nb")
  })

  it("says the same in JSON", () => {
    fc.assert(fc.property(hostile, (text) => {
      const json = Screen.plainJson(JSON.stringify({ [text]: [text] }))
      assert.notMatch(json, harmful)
      assert.deepStrictEqual(JSON.parse(json), { [text]: [text] })
    }))
  })

  it.effect("is used by every method that prints, and takes nothing for a format", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const keep = (...values: ReadonlyArray<unknown>) => void lines.push(values.join("|"))
      const all = { ...globalThis.console, debug: keep, dirxml: keep, error: keep, group: keep, groupCollapsed: keep }
      const console = Screen.over({ ...all, info: keep, log: keep, trace: keep, warn: keep })
      const text = "%s\u001b[31m"
      yield* Effect.all([
        Console.debug(text),
        Console.error(text),
        Console.info(text),
        Console.log(text, "x"),
        Console.warn(text),
        Console.trace(text),
        Console.table([text]),
        Console.dir({ [text]: text }),
        Console.dirxml(text)
      ]).pipe(Effect.provideService(Console.Console, console))
      assert.lengthOf(lines, 9)
      for (const line of lines) assert.notMatch(line.replaceAll("\n", ""), harmful)
      assert.strictEqual(lines[3], "%s\ufffd[31m x")
    }))
})
