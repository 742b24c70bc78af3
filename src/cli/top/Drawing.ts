/**
 * Draws on a terminal without flicker: in its second buffer, so that what was there comes back; only the lines that
 * changed; all of them at once, where the terminal knows how (synchronized output).
 */
import { Effect, type Scope, Terminal } from "effect"
import * as Screen from "../../observability/Screen.ts"
import type { Size } from "./frame.ts"

const begin = "\u001b[?1049h\u001b[?25l\u001b[2J"
const end = "\u001b[?25h\u001b[?1049l"
const together = (text: string) => `\u001b[?2026h${text}\u001b[?2026l`
const lineAt = (row: number, text: string) => `\u001b[${row + 1};1H${text}\u001b[K`

export interface Drawing {
  /** Untrusted texts are fit for the screen already where `Screen` wrote them. */
  readonly draw: (lines: ReadonlyArray<string>, size: Size) => Effect.Effect<void>
}

/** The terminal is as before when the scope ends, whatever ended it. */
export const make: Effect.Effect<Drawing, never, Terminal.Terminal | Scope.Scope> = Effect.gen(function*() {
  const terminal = yield* Terminal.Terminal
  const display = (text: string) => Effect.ignore(terminal.display(text))
  yield* Effect.acquireRelease(display(begin), () => display(end))
  let shown: ReadonlyArray<string> = []
  let last: Size = { columns: 0, rows: 0 }
  return {
    draw: (lines, size) =>
      Effect.suspend(() => {
        const fresh = size.columns !== last.columns || size.rows !== last.rows
        const written = lines.map(Screen.written)
        const changes = written.map((line, row) => fresh || shown[row] !== line ? lineAt(row, line) : "").join("")
        shown = written
        last = size
        if (!fresh && changes === "") return Effect.void
        return display(together((fresh ? "\u001b[2J" : "") + changes))
      })
  }
})
