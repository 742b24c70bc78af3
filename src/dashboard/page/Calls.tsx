/** The calls of agents as they come, each with its way in time; searched by tool, agent and outcome. */
import { useState } from "preact/hooks"
import { type CallRow, type Leg, matches, outcomes } from "./calls.ts"
import { clock, count, day, latency, startOfDay } from "./format.ts"
import { useShared } from "./hooks.ts"
import { type Column, Table } from "./Table.tsx"

export const Calls = () => {
  const { live, now } = useShared()
  const [filter, setFilter] = useState({ tool: "", agent: "", outcome: "" })
  const all = live.calls.rows()
  const rows = all.filter(matches(filter))
  const today = startOfDay(now)

  const columns: ReadonlyArray<Column<CallRow>> = [
    { name: "At", width: "132px", cell: ({ at }) => at < today ? `${day(at)} ${clock(at).slice(0, 5)}` : clock(at) },
    { name: "Tool", width: "26%", cell: ({ tool }) => <span title={tool}>{tool}</span> },
    { name: "Agent", width: "14%", cell: ({ agent }) => agent },
    { name: "Relay", width: "10%", cell: ({ relay }) => relay },
    {
      name: "Outcome",
      width: "104px",
      cell: ({ note, outcome }) => <span class={`state ${outcome.replace(" ", "-")}`} title={note}>{outcome}</span>
    },
    {
      name: "Answered",
      width: "96px",
      numeric: true,
      cell: ({ millis }) => millis === undefined ? "" : latency(millis)
    },
    { name: "Way", width: "30%", cell: ({ legs }) => <Way legs={legs} /> }
  ]
  return (
    <section aria-labelledby="calls-heading">
      <header class="heading">
        <h2 id="calls-heading">Calls</h2>
        <form class="search" role="search" aria-label="Calls" onSubmit={(event) => event.preventDefault()}>
          <label>
            Tool{" "}
            <input
              type="search"
              value={filter.tool}
              onInput={(event) => setFilter({ ...filter, tool: event.currentTarget.value })}
            />
          </label>
          <label>
            Agent{" "}
            <input
              type="search"
              value={filter.agent}
              onInput={(event) => setFilter({ ...filter, agent: event.currentTarget.value })}
            />
          </label>
          <label>
            Outcome{" "}
            <select
              value={filter.outcome}
              onChange={(event) => setFilter({ ...filter, outcome: event.currentTarget.value })}
            >
              <option value="">any</option>
              {outcomes.map((outcome) => <option key={outcome} value={outcome}>{outcome}</option>)}
            </select>
          </label>
          <span class="muted" role="status">
            {rows.length === all.length
              ? count(all.length, "call")
              : `${rows.length.toLocaleString("en")} of ${count(all.length, "call")}`}
          </span>
        </form>
      </header>
      <Table
        caption="Calls"
        columns={columns}
        rows={rows}
        keyOf={({ seq }) => seq}
        empty={all.length === 0 ? "No agent has called a tool yet." : "None of the calls is such a one."}
      />
    </section>
  )
}

const formatLeg = ({ millis, name }: Leg): string => `${name} ${latency(millis)}`

/** Each part as wide as it is long, and never too narrow to be seen. */
const Way = ({ legs }: { readonly legs: ReadonlyArray<Leg> }) => {
  if (legs.length === 0) return null
  const words = legs.map(formatLeg).join(", ")
  return (
    <span class="way" title={words}>
      <span class="bar-of-way" aria-hidden="true">
        {legs.map(({ millis, name }) => (
          <span key={name} class={`leg ${name.toLowerCase()}`} style={{ flexGrow: Math.max(millis, 0.001) }} />
        ))}
      </span>
      <span class="words">{words}</span>
    </span>
  )
}
