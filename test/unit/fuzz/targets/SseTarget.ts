/** The decoder of event streams against a plain reading of the standard, cut at every byte. */
import { Result } from "effect"
import { deepStrictEqual } from "node:assert"
import { SseDecoder } from "../../../../src/domain/SseDecoder.ts"
import { encode, type SseEvent } from "../../../../src/domain/SseEvent.ts"
import { Dice } from "../../../support/Dice.ts"
import { mutated, type Target } from "../fuzz.ts"

const maxDelay = 60 * 60 * 1000

/**
 * HTML Living Standard, sections 9.2.5 and 9.2.6, word for word, but for what the decoder's header says: an id or a delay
 * makes an event without data too, an event has its own id alone, and a delay has a limit.
 */
const reference = (bytes: Uint8Array): ReadonlyArray<SseEvent> => {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).replace(/^\uFEFF/, "")
  const lines = text.split(/\r\n|\n|\r/)
  // What follows the last line's end is no line.
  lines.pop()
  const events: Array<SseEvent> = []
  let data = ""
  let hasData = false
  let type = ""
  let id: string | undefined
  let retry: number | undefined
  for (const line of lines) {
    if (line === "") {
      if (hasData || id !== undefined || retry !== undefined) {
        events.push({
          event: type === "" ? undefined : type,
          id,
          data: data.endsWith("\n") ? data.slice(0, -1) : data,
          ...(retry === undefined ? {} : { retry })
        })
      }
      data = ""
      hasData = false
      type = ""
      id = undefined
      retry = undefined
      continue
    }
    if (line.startsWith(":")) continue
    const [, field = "", rest] = /^([^:]*)(?::([^]*))?$/.exec(line) ?? []
    const value = (rest ?? "").replace(/^ /, "")
    if (field === "event") type = value
    if (field === "data") {
      data += `${value}\n`
      hasData = true
    }
    if (field === "id" && !value.includes("\0")) id = value
    if (field === "retry" && value !== "" && [...value].every((one) => one >= "0" && one <= "9")) {
      retry = Math.min(Number.parseInt(value, 10), maxDelay)
    }
  }
  return events
}

const decoded = (bytes: Uint8Array, cuts: ReadonlyArray<number>): ReadonlyArray<SseEvent> => {
  const decoder = new SseDecoder()
  const ends = [...cuts, bytes.length]
  let from = 0
  return ends.flatMap((end) => {
    const chunk = bytes.subarray(from, end)
    from = end
    return Result.getOrThrow(decoder.push(chunk))
  })
}

const words = [
  "data",
  "event",
  "id",
  "retry",
  ":",
  ": ",
  ":  ",
  " ",
  "\n",
  "\n\n",
  "\r",
  "\r\n",
  "\r\r",
  "x",
  "10",
  "99999999999999999999",
  "+1",
  "\0",
  "é",
  "😀",
  "\uFEFF",
  "\u2028",
  "{\"a\":1}",
  "data: ",
  "data:",
  "id: 7\n",
  "event: message\n"
] as const

const bytesOf = (input: string): Uint8Array => Buffer.from(input, "latin1")

export const sseTarget: Target = {
  name: "sse",
  make: (dice) => {
    const text = Array.from({ length: dice.between(0, 24) }, () => dice.of(words)).join("")
    const bytes = Buffer.from(text).toString("latin1")
    return dice.chance(0.3)
      ? mutated(dice, bytes, ["\x80", "\xc3", "\xf0", "\xff", "\xef", "\xbb", "\xbf", "\n", "\r"])
      : bytes
  },
  check: (input) => {
    const bytes = bytesOf(input)
    const expected = reference(bytes)
    deepStrictEqual(decoded(bytes, []), expected)
    for (let cut = 1; cut < Math.min(bytes.length, 80); cut++) deepStrictEqual(decoded(bytes, [cut]), expected)
    deepStrictEqual(decoded(bytes, Array.from(bytes, (_, at) => at)), expected)
    const dice = new Dice(input)
    const cuts = Array.from(bytes, (_, at) => at).filter(() => dice.chance(0.3))
    deepStrictEqual(decoded(bytes, cuts), expected)
    const writable = expected.filter(({ event = "", id = "" }) => !/[\r\n\0]/.test(event + id))
    deepStrictEqual(
      decoded(Buffer.from(writable.map(encode).join("")), []),
      writable.map((event) => ({ ...event, data: event.data }))
    )
  }
}
