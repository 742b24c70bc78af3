/** Colour, on a terminal and where `NO_COLOR` is not set; elsewhere nothing. */
import { Effect } from "effect"
import { TerminalCapabilities } from "effect/cli"

const codes = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const

export type Ink = (colour: keyof typeof codes, text: string) => string

export const ink: Effect.Effect<Ink> = Effect.map(
  TerminalCapabilities.TerminalCapabilities,
  ({ canColor }) => (colour, text) => canColor ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text
)
