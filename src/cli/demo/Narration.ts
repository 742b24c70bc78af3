/** What the demonstration prints: one step a line, in 80 columns, with time to read it. */
import { Console, Effect } from "effect"
import { colors } from "../print.ts"

const columns = 80
const labelWidth = 10
/** For a person who reads along. */
const pause = "700 millis"

/** Words, as many a line as fit. */
const wrap = (text: string, width: number): ReadonlyArray<string> =>
  text.split(/\s+/).reduce<ReadonlyArray<string>>((lines, word) => {
    const last = lines.at(-1)
    return last === undefined || last.length + 1 + word.length > width
      ? [...lines, word]
      : [...lines.slice(0, -1), `${last} ${word}`]
  }, [])

export type Mark = "good" | "bad" | "event"
const marks = { good: ["green", "✔"], bad: ["red", "✘"], event: ["yellow", "·"] } as const

export const heading = Effect.fnUntraced(function*(text: string) {
  const paint = yield* colors
  yield* Console.log(`\n${paint("bold", text)}`)
})

export const step = Effect.fnUntraced(function*(mark: Mark, label: string, text: string) {
  const paint = yield* colors
  const [color, sign] = marks[mark]
  const [first = "", ...rest] = wrap(text, columns - labelWidth - 2)
  yield* Console.log(`${paint(color, sign)} ${paint("bold", label.padEnd(labelWidth))}${first}`)
  for (const line of rest) yield* Console.log(`${" ".repeat(labelWidth + 2)}${line}`)
  if (process.stdout.isTTY) yield* Effect.sleep(pause)
})
