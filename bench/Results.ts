/** `bench/RESULTS.md`: the last full run, which a quick one is compared with. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { cpus, totalmem } from "node:os"
import { fileURLToPath } from "node:url"
import { formatTarget, formatValue, reached, type Row } from "./Row.ts"

const file = fileURLToPath(new URL("RESULTS.md", import.meta.url))

const line = (row: Row): string => {
  const mark = row.target === undefined ? "" : reached(row) ? "yes" : "no"
  return `| ${row.name} | ${formatValue(row.value)} | ${formatTarget(row)} | ${mark} | ${row.detail} |`
}

const machine = (): string => {
  const processors = cpus()
  return `${processors[0]?.model ?? "?"}, ${processors.length} cores, ${
    Math.round(totalmem() / 2 ** 30)
  } GiB, Node ${process.version}`
}

/** What the rows measured last time, by name. */
export const lastResults = (): ReadonlyMap<string, number> =>
  new Map(
    (existsSync(file) ? readFileSync(file, "utf8") : "").split("\n").flatMap((text) => {
      const [, name, value] = text.split(" | ").map((cell) => cell.replace(/^\| /, "")).toSpliced(0, 0, "")
      return name === undefined || value === undefined || Number.isNaN(Number(value)) ? [] : [[name, Number(value)]]
    })
  )

export const writeResults = (rows: ReadonlyArray<Row>, notices: ReadonlyArray<string>): void => {
  const text = `# Results

What \`npm run bench\` measured last: ${new Date().toISOString().slice(0, 10)}, ${machine()}.

Values are medians of ratios, pair by pair, of turns taken one after the other in one run, unless the name has a unit.
How each is measured: [docs/performance.md](../docs/performance.md).

| what | value | has to be | reached | measured |
| --- | --- | --- | --- | --- |
${rows.map(line).join("\n")}
${notices.map((notice) => `\n${notice}\n`).join("")}`
  writeFileSync(file, text)
}
