/** The queue: its lanes, and each letter in it. */
import { useCallback, useEffect, useState } from "preact/hooks"
import type { LanesView } from "../../admin/LanesView.ts"
import type { EntryPage, EntryView } from "../../admin/OutboxView.ts"
import { get } from "./api.ts"
import type { Status } from "./attention.ts"
import { count, duration, time } from "./format.ts"
import { useAsked, useShared } from "./hooks.ts"
import { LetterDialog } from "./LetterDialog.tsx"
import { type Column, Table } from "./Table.tsx"

export type LettersPage = typeof EntryPage.Encoded
type LanesPage = typeof LanesView.Encoded
export type Letter = typeof EntryView.Encoded
export type LetterState = "" | Letter["state"]

const states: ReadonlyArray<readonly [LetterState, string]> = [
  ["", "All"],
  ["dead", "Dead"],
  ["held", "Held"],
  ["pending", "Waiting"],
  ["inflight", "In flight"],
  ["delivered", "Delivered"]
]

const pageSize = 500

/** Pages come as the table is scrolled, and what is there is asked for anew when there is news. */
const useLetters = (state: LetterState) => {
  const { live } = useShared()
  const revision = live.revision("letters")
  const [pages, setPages] = useState(1)
  const [asked, setAsked] = useState<
    { readonly state: LetterState; readonly letters: ReadonlyArray<Letter>; readonly more: boolean }
  >()
  useEffect(() => setPages(1), [state])
  useEffect(() => {
    const abort = new AbortController()
    const read = async () => {
      const letters: Array<Letter> = []
      let after: number | null = 0
      for (let page = 0; page < pages && after !== null; page++) {
        const filter = state === "" ? "" : `&state=${state}`
        const found: LettersPage = await get(`/outbox?limit=${pageSize}&after=${after}${filter}`, abort.signal)
        letters.push(...found.entries)
        after = found.next
      }
      setAsked({ state, letters, more: after !== null })
    }
    read().catch(() => {})
    return () => abort.abort()
  }, [state, pages, revision])
  const shown = asked?.state === state ? asked : undefined
  const onEnd = useCallback(() => setPages((before) => before + 1), [])
  return { letters: shown?.letters, onEnd: shown?.more === true ? onEnd : undefined }
}

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
    status.relays.reduce((total, { outbox }) => total + (of === "" ? 0 : outbox[of]), 0)
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
        <h2 id="letters-heading">Letters</h2>
        <div class="choices" role="group" aria-label="Show letters that are">
          {states.map(([value, name]) => (
            <button
              key={value}
              type="button"
              aria-pressed={state === value}
              onClick={() => onState(value)}
            >
              {name}
              {value !== "" && <span class="tally">{sum(value)}</span>}
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
          empty={state === "" ? "No letters: no call had to be queued." : "None."}
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
            <strong>{lane}</strong> <span class="muted">{agent}</span> {backlog}{" "}
            waiting{busy ? ", one on its way" : nextAt === null ? "" : `, next ${time(Date.parse(nextAt), now)}`}
          </li>
        ))}
        {all > longest.length && <li class="muted">and {all - longest.length} more</li>}
      </ul>
    </div>
  )
}
