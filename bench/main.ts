/**
 * What Holdfast costs beside a bare pass-through: `npm run bench`.
 *
 * `--quick` takes under 3 minutes, writes nothing, and says what fell against the last results; exit code 1 where
 * something did. `--only cost,queue` runs some of the groups, and writes nothing. `--memory-calls N` shortens the longest.
 */
import { parseArgs } from "node:util"
import { ensureEntered } from "../test/support/environment.ts"
import { lastResults, writeResults } from "./Results.ts"
import { fell, formatTarget, formatValue, type Options, reached, type Row } from "./Row.ts"
import { costRows } from "./rows/cost.ts"
import { gitRows } from "./rows/git.ts"
import { memoryRows } from "./rows/memory.ts"
import { otherRows } from "./rows/others.ts"
import { planeRows } from "./rows/plane.ts"
import { queueRows } from "./rows/queue.ts"
import { sessionRows } from "./rows/sessions.ts"
import { startRows } from "./rows/start.ts"
import { streamRows } from "./rows/streamed.ts"
import { throughputRows } from "./rows/throughput.ts"
import { toolsListRows } from "./rows/toolsList.ts"

ensureEntered()

const groups: Readonly<Record<string, (options: Options) => Promise<ReadonlyArray<Row>>>> = {
  cost: costRows,
  plane: planeRows,
  throughput: throughputRows,
  stream: streamRows,
  queue: queueRows,
  list: toolsListRows,
  sessions: sessionRows,
  memory: memoryRows,
  start: startRows,
  git: gitRows,
  others: otherRows
}

const { values } = parseArgs({
  options: { quick: { type: "boolean" }, only: { type: "string" }, "memory-calls": { type: "string" } }
})
const quick = values.quick === true
const names = values.only?.split(",") ?? Object.keys(groups)

const before = lastResults()
const rows: Array<Row> = []
const notices: Array<string> = []
const print = (text: string) => process.stdout.write(`${text}\n`)

const options: Options = {
  quick,
  memoryCalls: Number(values["memory-calls"] ?? (quick ? 20_000 : 1_000_000)),
  notice: (text) => {
    notices.push(text)
    print(`! ${text}`)
  }
}

for (const name of names) {
  const group = groups[name]
  if (group === undefined) throw new Error(`no group ${name}; there are ${Object.keys(groups).join(", ")}`)
  const from = performance.now()
  try {
    for (const row of await group(options)) {
      rows.push(row)
      print(
        `${reached(row) ? " " : "!"} ${row.name.padEnd(62)} ${formatValue(row.value).padStart(7)} ${
          formatTarget(row).padEnd(7)
        } ${row.detail}`
      )
    }
  } catch (error) {
    process.exitCode = 1
    options.notice(`The group ${name} failed: ${error instanceof Error ? error.message : String(error)}`)
  }
  print(`  ${name}: ${((performance.now() - from) / 1000).toFixed(0)} s`)
}

const fallen = rows.filter((row) => fell(row, before.get(row.name) ?? Number.NaN))
for (const row of fallen) {
  print(`fell: ${row.name}: ${formatValue(row.value)}, was ${formatValue(before.get(row.name) ?? Number.NaN)}`)
}
if (fallen.length > 0) process.exitCode = 1
if (!quick && values.only === undefined) writeResults(rows, notices)
