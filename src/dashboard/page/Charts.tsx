/** The last hour: how many calls wait, how long the oldest has, how long a call takes. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks"
import uPlot from "uplot"
import type { RelaySamples } from "../../admin/SamplesView.ts"
import { clock, duration, latency } from "./format.ts"
import { useAsked } from "./hooks.ts"

type Samples = typeof RelaySamples.Encoded
type Sample = Samples["samples"][number]
type Value = number | null

interface Line {
  readonly name: string
  /** The name of a color in the style sheet. */
  readonly color: string
  readonly values: ReadonlyArray<Value>
}

const max = (values: ReadonlyArray<Value>): Value =>
  values.reduce((highest, value) => value === null ? highest : Math.max(highest ?? value, value), null as Value)

/** Of several relays: what waits is added up, of ages and latencies the largest counts. */
const together = (all: ReadonlyArray<Samples>): ReadonlyArray<Sample> => {
  const byTime = Map.groupBy(all.flatMap(({ samples }) => samples), ({ at }) => at)
  return [...byTime.values()].map((samples) => ({
    at: samples[0]?.at ?? 0,
    waiting: samples.reduce((sum, { waiting }) => sum + waiting, 0),
    oldestMillis: max(samples.map(({ oldestMillis }) => oldestMillis)) ?? 0,
    calls: samples.reduce((sum, { calls }) => sum + calls, 0),
    p50: max(samples.map(({ p50 }) => p50)),
    p95: max(samples.map(({ p95 }) => p95))
  })).sort((one, other) => one.at - other.at)
}

export const Charts = ({ relays }: { readonly relays: ReadonlyArray<string> }) => {
  const [relay, setRelay] = useState("")
  const { data } = useAsked<ReadonlyArray<Samples>>("/samples", "samples")
  const samples = useMemo(() => together((data ?? []).filter((one) => relay === "" || one.relay === relay)), [
    data,
    relay
  ])
  const times = useMemo(() => samples.map(({ at }) => at / 1000), [samples])
  const lines = useMemo(() => ({
    waiting: [{ name: "waiting", color: "--accent", values: samples.map(({ waiting }) => waiting) }],
    oldest: [{ name: "oldest", color: "--warn", values: samples.map(({ oldestMillis }) => oldestMillis / 1000) }],
    latency: [
      { name: "half within", color: "--accent", values: samples.map(({ p50 }) => p50) },
      { name: "95 % within", color: "--violet", values: samples.map(({ p95 }) => p95) }
    ]
  }), [samples])
  return (
    <section aria-labelledby="hour-heading">
      <header class="heading">
        <h2 id="hour-heading">The last hour</h2>
        {relays.length > 1 && (
          <label>
            Relay{" "}
            <select value={relay} onChange={(event) => setRelay(event.currentTarget.value)}>
              <option value="">all</option>
              {relays.map((id) => <option key={id} value={id}>{id}</option>)}
            </select>
          </label>
        )}
      </header>
      <div class="charts">
        <Chart
          title="Calls that wait"
          times={times}
          lines={lines.waiting}
          format={(value) => String(Math.round(value))}
        />
        <Chart
          title="Age of the oldest"
          times={times}
          lines={lines.oldest}
          format={(value) => duration(value * 1000)}
        />
        <Chart title="Time to an answer" times={times} lines={lines.latency} format={latency} none="no calls" />
      </div>
    </section>
  )
}

/** `now 3, at most 14 at 04:13`; of several lines shorter. */
const formatLine = (
  times: ReadonlyArray<number>,
  { name, values }: Line,
  format: (value: number) => string,
  several: boolean
): string | undefined => {
  const highest = max(values)
  if (highest === null) return undefined
  const last = values.findLast((value) => value !== null) ?? 0
  if (several) return `${name} ${format(last)}, at most ${format(highest)}`
  const at = clock((times[values.indexOf(highest)] ?? 0) * 1000).slice(0, 5)
  return highest === 0 ? `${format(0)} all the time` : `now ${format(last)}, at most ${format(highest)} at ${at}`
}

const Chart = ({ format, lines, none = "nothing yet", times, title }: {
  readonly title: string
  readonly times: ReadonlyArray<number>
  readonly lines: ReadonlyArray<Line>
  readonly format: (value: number) => string
  readonly none?: string
}) => {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const [scheme, setScheme] = useState(0)
  const words = lines.map((line) => formatLine(times, line, format, lines.length > 1)).filter((text) =>
    text !== undefined
  )

  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)")
    const change = () => setScheme((count) => count + 1)
    dark.addEventListener("change", change)
    return () => dark.removeEventListener("change", change)
  }, [])

  useEffect(() => {
    const element = box.current
    if (element === null) return
    const made = new uPlot(optionsFor(element, lines, format), dataOf(times, lines), element)
    plot.current = made
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: plotHeight }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
      plot.current = undefined
    }
  }, [scheme])

  useEffect(() => plot.current?.setData(dataOf(times, lines)), [times, lines])

  return (
    <figure class="card chart">
      <figcaption>
        <strong>{title}</strong>
        {words.length === 0 ? <span>{none}</span> : words.map((text, index) => (
          <span key={text}>
            <span class={`swatch ${lines[index]?.color.slice(2)}`} aria-hidden="true" />
            {text}
          </span>
        ))}
      </figcaption>
      <div ref={box} class="plot" role="img" aria-label={`${title} over the last hour: ${words.join("; ") || none}`} />
    </figure>
  )
}

const plotHeight = 130

const dataOf = (times: ReadonlyArray<number>, lines: ReadonlyArray<Line>): uPlot.AlignedData => [
  [...times],
  ...lines.map(({ values }) => [...values])
]

const optionsFor = (
  element: HTMLElement,
  lines: ReadonlyArray<Line>,
  format: (value: number) => string
): uPlot.Options => {
  const style = getComputedStyle(element)
  const color = (name: string) => style.getPropertyValue(name).trim()
  const axis: uPlot.Axis = {
    stroke: color("--muted"),
    font: "11px system-ui, sans-serif",
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false }
  }
  return {
    width: Math.max(200, element.clientWidth),
    height: plotHeight,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: {
      x: { range: () => [Date.now() / 1000 - 3600, Date.now() / 1000] },
      y: { range: (_, __, highest) => [0, Math.max(highest ?? 0, 1) * 1.1] }
    },
    axes: [
      {
        ...axis,
        values: (_, splits) => splits.map((at) => clock(at * 1000).slice(0, 5)),
        space: 70,
        size: 24
      },
      {
        ...axis,
        values: (_, splits) => splits.map(format).map((text, at, all) => all.indexOf(text) === at ? text : ""),
        size: 62,
        space: 34
      }
    ],
    series: [
      {},
      ...lines.map(({ color: name }) => ({
        stroke: color(name),
        width: 1.75,
        points: { show: false },
        spanGaps: false
      }))
    ]
  }
}
