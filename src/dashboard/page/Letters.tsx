/** The queue: its lanes, and each letter in it. */
import { useState } from "preact/hooks"
import type { LanesView } from "../../admin/LanesView.ts"
import type { Status } from "./api.ts"
import { count, duration, time } from "./format.ts"
import { useAsked, useShared } from "./hooks.ts"
import { LetterDialog } from "./LetterDialog.tsx"
import { type Column, Table } from "./Table.tsx"
import { type Letter, type LetterState, useLetters } from "./useLetters.ts"

type LanesPage = typeof LanesView.Encoded

const states: ReadonlyArray<readonly [LetterState, string]> = [
  ["open", "Undelivered"],
  ["dead", "Dead"],
  ["held", "Held"],
  ["pending", "Waiting"],
  ["inflight", "In flight"],
  ["delivered", "Delivered"]
]

interface Props {
  readonly state: LetterState
  readonly onState: (state: LetterState) => void
  readonly status: Status
}

export const Letters = ({ onState, state, status }: Props) => {
  const { now } = useShared()
  const { letters, onEnd } = useLetters(state)
  const [open, setOpen] = useState<number>()
  const { data: lanes } = useAsked<LanesPage>("/lanes", "letters")
  const sum = (of: LetterState): number =>
    status.relays.reduce((total, { outbox }) => {
      const { dead, held, inflight, pending } = outbox
      return total + (of === "open" ? dead + held + inflight + pending : outbox[of])
    }, 0)
  const several = status.relays.length > 1

  const columns: ReadonlyArray<Column<Letter>> = [
    {
      name: "Letter",
      width: "84px",
      cell: ({ id }) => <button type="button" class="link" onClick={() => setOpen(id)}>{id}</button>
    },
    {
      name: "State",
      width: "96px",
      cell: ({ state }) => (
        <span class={`state ${state}`}>
          {state === "inflight" ? "in flight" : state === "pending" ? "waiting" : state}
        </span>
      )
    },
    { name: "Tool", width: "22%", cell: ({ tool }) => <span title={tool}>{tool}</span> },
    { name: "Agent", width: "12%", cell: ({ agent }) => agent },
    ...several ? [{ name: "Relay", width: "10%", cell: ({ relay }: Letter) => relay }] : [],
    { name: "Age", width: "100px", cell: ({ occurredAt }) => duration(now - Date.parse(occurredAt)) },
    { name: "Tried", width: "64px", numeric: true, cell: ({ attempts }) => attempts },
    { name: "Next try", width: "96px", cell: (letter) => nextTry(letter, now) },
    {
      name: "Why",
      width: "30%",
      cell: ({ lastError, reason }) => <span title={reason ?? lastError ?? ""}>{reason ?? lastError ?? ""}</span>
    }
  ]
  return (
    <section id="letters" tabIndex={-1} aria-labelledby="letters-heading">
      <header class="heading">
        <h2 id="letters-heading">
          Letters <span class="muted aside">calls that were queued</span>
        </h2>
        <div class="choices" role="group" aria-label="Show letters that are">
          {states.map(([value, name]) => (
            <button
              key={value}
              type="button"
              aria-pressed={state === value}
              onClick={() => onState(value)}
            >
              {name}
              <span class="tally">{sum(value)}</span>
            </button>
          ))}
        </div>
      </header>
      {lanes !== undefined && lanes.count > 0 && <Lanes {...lanes} />}
      {letters === undefined ? <p class="none" aria-busy="true">Asking</p> : (
        <Table
          caption="Letters"
          columns={columns}
          rows={letters}
          keyOf={({ id }) => id}
          empty={state === "open" ? "Nothing waits, is held or is dead." : "None."}
          onEnd={onEnd}
        />
      )}
      {open !== undefined && <LetterDialog id={open} onClose={() => setOpen(undefined)} />}
    </section>
  )
}

const nextTry = ({ state, visibleAt }: Letter, now: number): string => {
  if (state === "inflight") return "now"
  if (state !== "pending" && state !== "held") return ""
  const left = Date.parse(visibleAt) - now
  return left > 1000 ? `in ${duration(left)}` : "in turn"
}

const Lanes = ({ count: all, lanes }: LanesPage) => {
  const { now } = useShared()
  const longest = lanes.slice(0, 12)
  return (
    <div class="lanes">
      <h3>{count(all, "lane")} with calls under way</h3>
      <ul>
        {longest.map(({ agent, backlog, busy, lane, nextAt, relay }) => (
          <li key={`${relay} ${lane}`}>
            <strong>{lane}</strong> {lane !== agent && <span class="muted">{agent}</span>} {backlog}{" "}
            waiting{busy ? ", one on its way" : nextAt === null ? "" : `, next ${time(Date.parse(nextAt), now)}`}
          </li>
        ))}
        {all > longest.length && <li class="muted">and {all - longest.length} more</li>}
      </ul>
    </div>
  )
}
