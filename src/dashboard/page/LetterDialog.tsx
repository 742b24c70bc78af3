/** One letter, whole; and what can be done with it, once that is confirmed. */
import { useEffect, useRef, useState } from "preact/hooks"
import type { EntryDetail } from "../../admin/OutboxView.ts"
import { post } from "./api.ts"
import { bytes, clock, day } from "./format.ts"
import { useAsked, useShared } from "./hooks.ts"

type Letter = typeof EntryDetail.Encoded

/** As JSON with line ends where it is some; a text with other numbers than JavaScript's stays as it is. */
const pretty = (text: string): string => {
  try {
    const value: unknown = JSON.parse(text)
    return JSON.stringify(value) === text ? JSON.stringify(value, null, 2) : text
  } catch {
    return text
  }
}

export const LetterDialog = ({ id, onClose }: { readonly id: number; readonly onClose: () => void }) => {
  const dialog = useRef<HTMLDialogElement>(null)
  const { data, failure } = useAsked<Letter>(`/outbox/${id}`, "letters")
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="letter-heading">
      <header class="heading">
        <h2 id="letter-heading">Letter {id}</h2>
        <button type="button" class="quiet" onClick={() => dialog.current?.close()}>Close</button>
      </header>
      {data === undefined
        ? <p>{failure ?? "Asking"}</p>
        : <Whole letter={data} onDone={() => dialog.current?.close()} />}
    </dialog>
  )
}

const Whole = ({ letter, onDone }: { readonly letter: Letter; readonly onDone: () => void }) => {
  const { act } = useShared()
  const [confirming, setConfirming] = useState(false)
  const moment = (at: string) => `${day(Date.parse(at))} ${clock(Date.parse(at))}`
  const facts: ReadonlyArray<readonly [string, string | number | null]> = [
    ["State", letter.state],
    ["Why", letter.reason],
    ["Last error", letter.lastError],
    ["Tool", letter.tool],
    ["Agent", letter.agent],
    ["Relay", letter.relay],
    ["Lane", letter.lane],
    ["Accepted", moment(letter.occurredAt)],
    ["Attempts", letter.attempts],
    [
      "Next try",
      letter.state === "pending" || letter.state === "held" ? `not before ${moment(letter.visibleAt)}` : null
    ],
    ["Settled", letter.settledAt === null ? null : moment(letter.settledAt)],
    ["Key", letter.key],
    ["Size", bytes(letter.bytes)],
    ["Where its outcome is unknown", letter.onUnknown === "resend" ? "it is sent again" : "it becomes a dead letter"]
  ]
  const change = (what: "retry" | "discard") => {
    act(what === "retry" ? "Sending again" : "Discarding", async () => {
      const { ids } = await post<{ ids: ReadonlyArray<number> }>(`/outbox/${what}`, {
        ids: [letter.id],
        relay: letter.relay,
        reason: "by hand, in the dashboard"
      })
      if (ids.length === 0) throw new Error("it is in another state by now")
      return what === "retry" ? `Letter ${letter.id} is back in line.` : `Letter ${letter.id} is discarded.`
    })
    onDone()
  }
  const mayRetry = letter.state === "dead" || letter.state === "held"
  const mayDiscard = mayRetry || letter.state === "pending"
  const isUnknown = letter.reason?.startsWith("unknown") === true
  return (
    <>
      {mayDiscard && !confirming && (
        <div class="buttons">
          {mayRetry && <button type="button" class="main" onClick={() => change("retry")}>Send it again</button>}
          <button type="button" onClick={() => setConfirming(true)}>Discard …</button>
        </div>
      )}
      {isUnknown && mayRetry && (
        <p class="warning">It may have been carried out: look at the relay before you send it again.</p>
      )}
      {confirming && (
        <div class="confirm" role="group" aria-label="Confirm">
          <p>Discard letter {letter.id}? The relay never gets it, and it cannot be brought back.</p>
          <div class="buttons">
            <button type="button" class="danger" onClick={() => change("discard")}>Discard it</button>
            <button type="button" onClick={() => setConfirming(false)}>Keep it</button>
          </div>
        </div>
      )}
      <dl class="details">
        {facts.filter(([, value]) => value !== null && value !== "").map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <Payload name="What is sent" text={letter.request} />
      {letter.result !== null && <Payload name="What came back" text={letter.result} />}
    </>
  )
}

const Payload = ({ name, text }: { readonly name: string; readonly text: string }) => (
  <details>
    <summary>{name}</summary>
    <pre tabIndex={0}>{pretty(text)}</pre>
  </details>
)
