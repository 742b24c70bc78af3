/** docs/deploy/grafana.json, held against the metrics that are documented; a system test holds those against the daemon. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import dashboard from "../../../docs/deploy/grafana.json" with { type: "json" }

const page = readFileSync(new URL("../../../docs/operations.md", import.meta.url), "utf8")

const documented: ReadonlyMap<string, { readonly type: string; readonly labels: ReadonlyArray<string> }> = new Map(
  [...page.matchAll(/^\| `(\w+)` +\| (counter|gauge|histogram) +\| [^|]+\| ([^|]+?) +\|/gm)].map((
    [, name = "", type = "", labels = ""]
  ) => [name, { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = ""]) => label) }])
)

const panels = dashboard.panels.filter((panel) => panel.type !== "row")
const queries = panels.flatMap(({ targets = [], title }) =>
  targets.map(({ expr, legendFormat }) => ({ expr, legendFormat, title }))
)

/** A metric as a query names it, with the labels that it selects by. */
const selectors = (expr: string) =>
  [...expr.matchAll(/\b((?:holdfast|mcp|process)_\w+)(?:\{([^}]*)\})?/g)].map(([, series = "", selected = ""]) => ({
    series,
    labels: [...selected.matchAll(/(\w+)=/g)].map(([, label = ""]) => label)
  }))

/** Of a series: its family. A histogram is asked for by its buckets, its sum or its count. */
const familyOf = (series: string) => {
  const whole = documented.get(series)
  if (whole !== undefined) return whole.type === "histogram" ? undefined : series
  const family = series.replace(/_(bucket|sum|count)$/, "")
  return documented.get(family)?.type === "histogram" ? family : undefined
}

describe("docs/deploy/grafana.json", () => {
  it("asks only for metrics that there are, by labels that they have", () => {
    assert.isAbove(queries.length, 20)
    for (const { expr, title } of queries) {
      const found = selectors(expr)
      assert.isNotEmpty(found, `${title}: ${expr}`)
      for (const { labels, series } of found) {
        const family = familyOf(series)
        assert.isDefined(family, `${title}: ${series}`)
        assert.includeMembers([...documented.get(family ?? "")?.labels ?? []], labels, `${title}: ${series}`)
      }
    }
    for (const { query } of dashboard.templating.list) {
      if (typeof query === "string") continue
      const [, series = "", label = ""] = /^label_values\((\w+), (\w+)\)$/.exec(query.query) ?? []
      assert.include(documented.get(familyOf(series) ?? "")?.labels ?? [], label, query.query)
    }
  })

  it("names in its legends and sums only labels that the query's metrics have", () => {
    for (const { expr, legendFormat, title } of queries) {
      const labels = selectors(expr).flatMap(({ series }) => documented.get(familyOf(series) ?? "")?.labels ?? [])
      const summed = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, names = ""]) => names.split(/, */))
      const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label)
      assert.includeMembers([...labels, "le"], [...summed, ...shown], `${title}: ${expr}`)
    }
  })

  it("shows each metric that there is, and takes a rate of counters alone", () => {
    const shown = queries.flatMap(({ expr }) => selectors(expr).map(({ series }) => familyOf(series) ?? series))
    assert.deepStrictEqual([...new Set(shown)].sort(), [...documented.keys()].sort())
    for (const { expr, title } of queries) {
      for (const [, series = ""] of expr.matchAll(/\b(?:rate|increase)\((\w+)/g)) {
        assert.match(series, /_(total|bucket)$/, title)
      }
      for (const { series } of selectors(expr)) {
        if (/_(total|bucket)$/.test(series)) assert.match(expr, new RegExp(`(rate|increase)\\(${series}`), title)
      }
    }
  })
})
