/** Each relay's link: what it is now, when it was away today and this week, its tokens. */
import { type Outage, total, within } from "../../journal/Outages.ts"
import type { Status } from "./api.ts"
import { clock, count, day, duration, startOfDay, time } from "./format.ts"
import { useShared } from "./hooks.ts"

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

const hour = 3_600_000

const RelayCard = ({ outages, relay }: { readonly relay: Relay; readonly outages: ReadonlyArray<Outage> }) => {
  const { now } = useShared()
  const { link } = relay
  const since = `${duration(now - Date.parse(link.since))}, since ${time(Date.parse(link.since), now)}`
  // Days differ in length where clocks are set.
  const today = startOfDay(now)
  const days = Array.from({ length: 7 }, (_, index) => startOfDay(today - (6 - index) * 24 * hour + 12 * hour))
  const tomorrow = startOfDay(today + 36 * hour)
  const hours = [0, 3, 6, 9, 12, 15, 18, 21].map((at) => ({ at: new Date(today).setHours(at), name: `${at}:00` }))
  const week = within(outages, days[0] ?? today, now, now)
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
          ? `Up for ${since}.`
          : `Away for ${since}: ${link.why}. Tried ${count(link.attempts, "time")}, ${
            nextProbe(Date.parse(link.nextProbeAt), now)
          }.`}
      </p>
      <div class="timelines">
        <p class="legend" aria-hidden="true">
          <span class="swatch up" />up
          <span class="swatch away" />away
          <span class="swatch unknown" />not watched
          <span class="swatch now" />now
        </p>
        <TimeLine name="Today" from={today} to={tomorrow} ticks={hours} outages={outages} />
        <TimeLine
          name="This week"
          from={days[0] ?? today}
          to={tomorrow}
          ticks={days.map((at) => ({ at, name: day(at).split(",")[0] ?? "" }))}
          outages={outages}
        />
        {week.length > 0 && (
          <details>
            <summary>{week.length === 1 ? "The outage" : `The ${week.length} outages`} of this week</summary>
            <OutageTable parts={week.toReversed().slice(0, 100)} />
          </details>
        )}
      </div>
      <Tokens relay={relay} />
    </article>
  )
}

const nextProbe = (at: number, now: number): string => at > now + 1000 ? `next in ${duration(at - now)}` : "trying now"

interface TimeLineProps {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly ticks: ReadonlyArray<{ readonly at: number; readonly name: string }>
  readonly outages: ReadonlyArray<Outage>
}

/** Time from left to right, as far as it has come; what is red was an outage, however short. */
const TimeLine = ({ from, name, outages, ticks, to }: TimeLineProps) => {
  const { live, now } = useShared()
  const parts = within(outages, from, to, now)
  const known = Math.max(from, live.knownFrom)
  const since = known > from + hour / 60 ? ` since ${time(known, now)}` : ""
  const percent = (at: number) => `${(100 * (at - from) / (to - from)).toFixed(3)}%`
  const sum = parts.length === 0
    ? `never away${since}`
    : `away ${duration(total(parts))} in ${count(parts.length, "outage")}`
  return (
    <div class="day">
      <span class="name">{name}</span>
      <div class="line" role="img" aria-label={`${name}: ${sum}`}>
        <div class="past" style={{ left: percent(known), width: percent(from + now - known) }} />
        {ticks.slice(1).map(({ at }) => <div key={at} class="tick" style={{ left: percent(at) }} />)}
        {parts.map((part) => (
          <div
            key={part.from}
            class="outage"
            title={`${clock(part.from)} to ${part.outage.to === null ? "now" : clock(part.to)}: ${part.outage.why}`}
            style={{
              left: `min(${percent(part.from)}, calc(${percent(now)} - 4px))`,
              width: `max(4px, ${percent(from + part.to - part.from)})`
            }}
          />
        ))}
        <div class="now" style={{ left: percent(now) }} />
      </div>
      <span class="sum">{sum}</span>
      <div class="hours" aria-hidden="true">
        {ticks.map(({ at, name }) => <span key={at} style={{ left: percent(at) }}>{name}</span>)}
      </div>
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

const wordsFor = ({ proven, state }: Relay["tokens"][number]): string =>
  state === "valid" && proven === false ? "not proven yet" : state

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
            {token.state !== "none"
              ? "Token of "
              : relay.link.state === "up"
              ? "No token is needed for "
              : "No token for "}
            {names.length > 3 ? `${count(names.length, "agent")}` : names.join(", ")}
            {token.state !== "none" && (
              <>
                : <strong class={token.state === "valid" ? "" : "bad-text"}>{wordsFor(token)}</strong>
              </>
            )} {token.state !== "none" && <span class="muted">({token.source})</span>}
            {left !== undefined && (
              <span class="countdown">{left > 0 ? `ends in ${duration(left)}` : `ended ${duration(-left)} ago`}</span>
            )}
          </li>
        )
      })}
    </ul>
  )
}
