/** The tables of docs/matrix.md, and the words of what was refused, if anything was. */
import { clients, columns, type Outcome } from "./matrix.ts"

export interface Table {
  readonly title: string
  readonly rows: ReadonlyArray<ReadonlyArray<Outcome>>
}

/** In columns as wide as their widest cell, as the formatter wants them. */
const aligned = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? "").length)))
  const line = (cells: ReadonlyArray<string>) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)]
}

export const page = (tables: ReadonlyArray<Table>) => {
  const notes: Array<string> = []
  const cell = (outcome: Outcome): string => {
    if (!outcome.startsWith("refused: ")) return outcome
    // One SDK says the code ahead of the message, the other beside it.
    const words = outcome.slice("refused: ".length).replace(/^MCP error -?\d+: /, "")
    if (!notes.includes(words)) notes.push(words)
    return `no (${notes.indexOf(words) + 1})`
  }
  const body = tables.flatMap(({ rows, title }) => [
    `## ${title}`,
    "",
    ...aligned(
      ["client", "revision", ...columns],
      rows.map((row, index) => [clients[index]?.client ?? "", clients[index]?.revision ?? "", ...row.map(cell)])
    ),
    ""
  ])
  const legend = notes.length === 0 ? [] : [
    "## What is refused, and in which words",
    "",
    ...notes.map((words, index) => `${index + 1}. ${words}`),
    ""
  ]
  return { text: [...body, ...legend].join("\n"), notes }
}
