/** `/metrics` of a real daemon, held against the table in docs/operations.md. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

interface Family {
  readonly type: string
  readonly labels: ReadonlyArray<string>
}

const page = readFileSync(new URL("../../../docs/operations.md", import.meta.url), "utf8")

const documented: ReadonlyMap<string, Family & { readonly unit: string }> = new Map(
  [...page.matchAll(/^\| `(\w+)` +\| (counter|gauge|histogram) +\| ([^|]+?) +\| ([^|]+?) +\|/gm)].map((
    [, name = "", type = "", unit = "", labels = ""]
  ) => [name, { type, unit, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = ""]) => label).sort() }])
)

/** Families of an exposition, with the labels of their series; `le` is part of the format. */
const familiesOf = (text: string): ReadonlyMap<string, Family> => {
  const series = [...text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)].map(([, name = "", labels = ""]) => ({
    name,
    labels: [...labels.matchAll(/(\w+)="/g)].map(([, label = ""]) => label).filter((label) => label !== "le").sort()
  }))
  return new Map(
    [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = "", type = ""]) => {
      const own = series.filter((one) => one.name.replace(/_(bucket|sum|count)$/, "") === name || one.name === name)
      const labels = own.find((one) => !/_(sum|count)$/.test(one.name))?.labels ?? []
      for (const one of own) assert.deepStrictEqual(one.labels, labels, one.name)
      return [name, { type, labels }]
    })
  )
}

const scrape = (daemon: Daemon) => Effect.promise(async () => (await fetch(new URL("/metrics", daemon.url))).text())

describe("/metrics", () => {
  it.live("of a daemon that nobody has used has every documented family, and no other", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ tokens: { t: { agent: "a" } } })
      const daemon = yield* Daemon.start({ relayUrl: relay.url, token: "t" })
      const families = familiesOf(yield* scrape(daemon))
      assert.deepStrictEqual([...families.keys()].sort(), [...documented.keys()].sort())
      for (const [name, { labels, type, unit }] of documented) {
        // No control plane is configured, so nothing of one has a series with its name.
        assert.deepStrictEqual(
          families.get(name),
          { type, labels: name.startsWith("holdfast_uplink_") ? [] : labels },
          name
        )
        if (unit === "seconds" || unit === "bytes") assert.match(name, new RegExp(`_${unit}(_total)?$`))
        if (/_(seconds|bytes)(_total)?$/.test(name)) assert.include(name, `_${unit}`)
        if (type === "counter") assert.match(name, /_total$/)
      }
    }))

  it.live("counts sessions, times a call in seconds, and tells build and process", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      const value = (text: string, series: string): number => {
        const line = text.split("\n").find((line) => line.startsWith(`${series} `))
        assert.isDefined(line, series)
        return Number(line?.slice(series.length + 1))
      }
      const before = yield* scrape(daemon)
      const call = "{relay=\"default\",outcome=\"answered\",mcp_method_name=\"tools/call\""
      assert.strictEqual(value(before, "holdfast_sessions{relay=\"default\"}"), 0)
      assert.strictEqual(value(before, `mcp_server_operation_duration_seconds_count${call}}`), 0)
      assert.strictEqual(value(before, "holdfast_calls_total{relay=\"default\",outcome=\"queued\"}"), 0)
      assert.strictEqual(value(before, "holdfast_link_outages_total{relay=\"default\"}"), 0)

      const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
      yield* client.call("echo", { text: "x" })
      const second = yield* rawAgent(daemon)
      assert.strictEqual(value(yield* scrape(daemon), "holdfast_sessions{relay=\"default\"}"), 2)
      yield* second.end
      const after = yield* scrape(daemon)
      assert.strictEqual(value(after, "holdfast_sessions{relay=\"default\"}"), 1)
      assert.strictEqual(value(before, "mcp_server_session_duration_seconds_count{relay=\"default\"}"), 0)
      assert.strictEqual(value(after, "mcp_server_session_duration_seconds_count{relay=\"default\"}"), 1)
      assert.strictEqual(value(after, `mcp_server_operation_duration_seconds_count${call}}`), 1)
      assert.include(after, `mcp_server_operation_duration_seconds_bucket${call},le="0.0005"}`)
      const seconds = value(after, `mcp_server_operation_duration_seconds_sum${call}}`)
      assert.isTrue(seconds > 0 && seconds < 30, String(seconds))

      const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"))
      assert.strictEqual(value(after, `holdfast_build_info{version="${version}",node="${process.versions.node}"}`), 1)
      assert.isAbove(value(after, "process_cpu_seconds_total"), 0.01)
      assert.isAbove(value(after, "process_resident_memory_bytes"), 20_000_000)
      assert.isAbove(value(after, "process_open_fds"), 3)
      const age = Date.now() / 1000 - value(after, "process_start_time_seconds")
      assert.isTrue(age > 0 && age < 120, String(age))
    }))
})
