/** Each relay's link: what it is now, when it was away today and this week, its tokens. */
import type { Status } from "./attention.ts"
import { clock, count, day, duration, startOfDay, time } from "./format.ts"
import { useShared } from "./hooks.ts"
import { type Outage, total, within } from "./outages.ts"

interface Props {
  readonly status: Status
  readonly outages: ReadonlyArray<Outage>
}

type Relay = Status["relays"][number]

export const Relays = ({ outages, status }: Props) => (
  <section aria-labelledby="relays-heading">
    <h2 id="relays-heading">{status.relays.length === 1 ? "Relay" : "Relays"}</h2>
    {status.relays.map((relay) => (
      <RelayCard
        key={relay.id}
        relay={relay}
        outages={outages.filter((outage) => outage.relay === relay.id)}
      />
    ))}
  </section>
)

const RelayCard = ({ outages, relay }: { readonly relay: Relay; readonly outages: ReadonlyArray<Outage> }) => {
  const { now } = useShared()
  const { link } = relay
  const days = Array.from({ length: 7 }, (_, ago) => startOfDay(startOfDay(now) - (ago - 0.5) * 86_400_000))
  const [today = 0, ...earlier] = days
  const week = within(outages, days.at(-1) ?? 0, now, now)
  return (
    <article class="card relay">
      <header>
        <h3>
          <span class={`badge ${link.state === "up" ? "good" : "bad"}`}>{link.state === "up" ? "Up" : "Away"}</span>
          {" "}
          {relay.id}
        </h3>
        <p class="muted">{relay.url}</p>
      </header>
      <p>
        {link.state === "up"
          ? `Up for ${duration(now - Date.parse(link.since))}, since ${time(Date.parse(link.since), now)}.`
          : `Away for ${duration(now - Date.parse(link.since))}, since ${
            time(Date.parse(link.since), now)
          }: ${link.why}. `
            + `Asked ${count(link.attempts, "time")}, ${nextProbe(Date.parse(link.nextProbeAt), now)}.`}
      </p>
      <div class="timelines">
        <Day from={today} outages={outages} name="Today" isToday />
        <details>
          <summary>
            This week:{" "}
            {week.length === 0 ? "never away" : `away ${duration(total(week))} in ${count(week.length, "outage")}`}
          </summary>
          {earlier.map((from) => <Day key={from} from={from} outages={outages} name={day(from)} />)}
          {week.length > 0 && <OutageTable parts={week.toReversed().slice(0, 100)} />}
        </details>
      </div>
      <Tokens relay={relay} />
    </article>
  )
}

const nextProbe = (at: number, now: number): string => at > now + 1000 ? `again in ${duration(at - now)}` : "asking now"

/** A day from left to right; what is red was an outage. */
const Day = ({ from, isToday = false, name, outages }: {
  readonly from: number
  readonly name: string
  readonly outages: ReadonlyArray<Outage>
  readonly isToday?: boolean
}) => {
  const { now } = useShared()
  const end = startOfDay(from + 36 * 3_600_000)
  const parts = within(outages, from, Math.min(end, now), now)
  const percent = (at: number) => `${(100 * (at - from) / (end - from)).toFixed(3)}%`
  const sum = parts.length === 0 ? "never away" : `away ${duration(total(parts))}, ${count(parts.length, "outage")}`
  return (
    <div class="day">
      <span class="name">{name}</span>
      <div class="line" role="img" aria-label={`${name}: ${sum}`}>
        <div class="past" style={{ width: percent(Math.min(now, end)) }} />
        {parts.map((part) => (
          <div
            key={part.from}
            class="outage"
            title={`${clock(part.from)} to ${part.outage.to === null ? "now" : clock(part.to)}: ${part.outage.why}`}
            style={{
              left: percent(part.from),
              width: `max(3px, ${(100 * (part.to - part.from) / (end - from)).toFixed(3)}%)`
            }}
          />
        ))}
        {isToday && <div class="now" style={{ left: percent(now) }} />}
      </div>
      <span class="sum">{sum}</span>
      {isToday && (
        <div class="hours" aria-hidden="true">
          {[0, 6, 12, 18, 24].map((hour) => <span key={hour} style={{ left: `${100 * hour / 24}%` }}>{hour}:00</span>)}
        </div>
      )}
    </div>
  )
}

const OutageTable = ({ parts }: { readonly parts: ReturnType<typeof within> }) => (
  <table class="plain">
    <thead>
      <tr>
        <th scope="col">From</th>
        <th scope="col">Away for</th>
        <th scope="col">Why</th>
      </tr>
    </thead>
    <tbody>
      {parts.map(({ from, outage, to }) => (
        <tr key={from}>
          <td>{day(from)} {clock(from)}</td>
          <td>{duration(to - from)}{outage.to === null && ", still"}</td>
          <td>{outage.why}</td>
        </tr>
      ))}
    </tbody>
  </table>
)

const Tokens = ({ relay }: { readonly relay: Relay }) => {
  const { now } = useShared()
  const alike = Map.groupBy(relay.tokens, ({ expiresAt, source, state }) => `${source} ${state} ${expiresAt ?? ""}`)
  return (
    <ul class="tokens" aria-label={`Tokens of ${relay.id}`}>
      {[...alike.values()].map((group) => {
        const [token] = group
        if (token === undefined) return null
        const left = token.expiresAt === null ? undefined : Date.parse(token.expiresAt) - now
        const names = group.map(({ agent }) => agent)
        return (
          <li key={names.join()}>
            Token of {names.length > 3 ? `${count(names.length, "agent")}` : names.join(", ")}:{" "}
            <strong class={token.state === "valid" ? "" : token.state === "none" ? "muted" : "bad-text"}>
              {token.state === "valid" && token.proven === false ? "not proven yet" : token.state}
            </strong>{" "}
            <span class="muted">from {token.source}</span>
            {left !== undefined && (
              <span class="countdown">{left > 0 ? `ends in ${duration(left)}` : `ended ${duration(-left)} ago`}</span>
            )}
          </li>
        )
      })}
    </ul>
  )
}
