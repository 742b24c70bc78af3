/**
 * The one writer of what people read: everything that a command or the daemon prints for them goes through `console`.
 *
 * Names of tools, errors of relays and texts of files reach it as they are, and may hold what moves the cursor, paints over
 * lines or turns the order of letters around. Such characters do not get through. Only the colors that `ours` marked do;
 * the mark is made anew in each process, so no text from elsewhere can hold it.
 */
import { Console, Layer } from "effect"
import { randomUUID } from "node:crypto"
import { inspect } from "node:util"
import { hasUnfit, plain } from "./ScreenText.ts"

export { oneLine, plain, plainJson, revealed } from "./ScreenText.ts"

const mark = `\u001b${randomUUID()}`
const color = /^\[[\d;]*m/

/** Marks the colors of a text that is our own. */
export const ours = (text: string): string => text.replaceAll("\u001b[", `${mark}[`)

/** What gets through. Nearly all lines do as they are, and those of the log are many. */
export const written = (text: string): string =>
  !hasUnfit(text) ? text : text.split(mark).map((piece, index) => {
    const [sequence = ""] = index === 0 ? [] : color.exec(piece) ?? []
    return (sequence === "" ? "" : `\u001b${sequence}`) + plain(piece.slice(sequence.length))
  }).join("")

const argument = (value: unknown): string => written(typeof value === "string" ? value : inspect(value))

/** Over another console; every one of its methods that prints. */
export const over = (console: Console.Console): Console.Console => {
  const each =
    (method: "debug" | "error" | "info" | "log" | "trace" | "warn" | "group" | "groupCollapsed" | "dirxml") =>
    // One argument: the first of several would be taken for a format.
    (...values: ReadonlyArray<unknown>) => console[method](values.map(argument).join(" "))
  return {
    ...console,
    debug: each("debug"),
    error: each("error"),
    info: each("info"),
    log: each("log"),
    trace: each("trace"),
    warn: each("warn"),
    group: each("group"),
    groupCollapsed: each("groupCollapsed"),
    dirxml: each("dirxml"),
    assert: (condition, ...values) => console.assert(condition, ...values.map(argument)),
    dir: each("log"),
    table: each("log")
  }
}

export const layer = Layer.succeed(Console.Console, over(globalThis.console))
