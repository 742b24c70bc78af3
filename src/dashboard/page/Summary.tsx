/** The answer at a glance: is the relay up, how long was it away today, what waits, what needs a person. */
import type { Attention } from "../../admin/Attention.ts"
import { type Outage, total, within } from "../../journal/Outages.ts"
import type { Status } from "./api.ts"
import { count, duration, startOfDay, time } from "./format.ts"
import { useShared } from "./hooks.ts"

interface Props {
  readonly status: Status
  readonly outages: ReadonlyArray<Outage>
  readonly attention: ReadonlyArray<Attention>
}

const waiting = ({ relays }: Status): number =>
  relays.reduce((sum, { outbox }) => sum + outbox.pending + outbox.inflight, 0)

const verdict = (
  status: Status,
  needed: number,
  now: number
): { readonly tone: string; readonly text: string; readonly more: string } => {
  const away = status.relays.filter(({ link }) => link.state === "down")
  const queued = waiting(status)
  const needs = needed === 0 ? "Nothing needs you." : `${count(needed, "thing needs", "things need")} you.`
  if (status.relays.length === 0) {
    return { tone: "wait", text: "No relay is configured.", more: "holdfast connect URL adds one." }
  }
  if (away.length === 0) {
    const text = status.relays.length === 1 ? "The relay is up." : `All ${status.relays.length} relays are up.`
    return { tone: needed === 0 ? "good" : "wait", text, more: needs }
  }
  const since = Math.min(...away.map(({ link }) => Date.parse(link.since)))
  const who = status.relays.length === 1 ? "The relay is away" : `${away.map(({ id }) => id).join(", ")}: away`
  const calls = queued === 0
    ? "Calls that may be queued wait for it."
    : `${count(queued, "call waits", "calls wait")} and will go out by ${queued === 1 ? "itself" : "themselves"}.`
  return { tone: "bad", text: `${who}, for ${duration(now - since)}.`, more: `${calls} ${needs}` }
}

export const Summary = ({ attention, outages, status }: Props) => {
  const { live, now } = useShared()
  const needed = attention.filter(({ urgency }) => urgency === "act").length
  const { more, text, tone } = verdict(status, needed, now)
  const today = within(outages, startOfDay(now), now, now)
  const isKnown = live.knownFrom <= startOfDay(now) + 60_000
  const up = status.relays.filter(({ link }) => link.state === "up").length
  const oldest = status.relays.flatMap(({ outbox }) => outbox.oldestAt === null ? [] : [Date.parse(outbox.oldestAt)])
  const since = status.relays.length === 1 ? Date.parse(status.relays[0]?.link.since ?? "") : undefined
  return (
    <section class="summary" aria-labelledby="verdict">
      <h2 id="verdict" class={`verdict ${tone}`}>
        <span class="dot" aria-hidden="true" />
        <span elementtiming="verdict">
          {text} <span class="more">{more}</span>
        </span>
      </h2>
      <dl class="facts">
        <Fact
          name={status.relays.length === 1 ? "Relay" : "Relays up"}
          tone={up === status.relays.length ? "good" : "bad"}
          value={status.relays.length === 1 ? up === 1 ? "Up" : "Away" : `${up} of ${status.relays.length}`}
          note={since === undefined ? "" : `since ${time(since, now)}`}
        />
        <Fact
          name="Away today"
          tone={today.length === 0 ? "" : "wait"}
          value={today.length > 0 ? duration(total(today)) : isKnown ? "Never" : "Not yet"}
          note={whenAway(today, isKnown ? undefined : live.knownFrom, now)}
        />
        <Fact
          name="Waiting"
          tone=""
          value={count(waiting(status), "call")}
          note={oldest.length === 0 ? "nothing is queued" : `oldest ${duration(now - Math.min(...oldest))}`}
        />
        <Fact
          name="Needs you"
          tone={needed === 0 ? "good" : "bad"}
          value={needed === 0 ? "Nothing" : count(needed, "thing")}
          note={needed === 0 ? "" : `${attention[0]?.title}${needed === 1 ? "" : ` and ${needed - 1} more`}`}
        />
      </dl>
    </section>
  )
}

const whenAway = (outages: ReturnType<typeof within>, knownFrom: number | undefined, now: number): string => {
  const last = outages.at(-1)
  if (last === undefined) return knownFrom === undefined ? "" : `watched since ${time(knownFrom, now)}`
  const at = time(last.from, now)
  return outages.length === 1 ? `in 1 outage, at ${at}` : `in ${outages.length} outages, the last at ${at}`
}

const Fact = ({ name, note, tone, value }: {
  readonly name: string
  readonly value: string
  readonly note: string
  readonly tone: string
}) => (
  <div class="fact">
    <dt>{name}</dt>
    <dd>
      <span class={`value ${tone}`}>{value}</span>
      {note !== "" && <span class="note">{note}</span>}
    </dd>
  </div>
)
