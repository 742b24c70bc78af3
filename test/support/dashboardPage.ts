/** What the dashboard's drill and its bench do in a page. */
import { Effect } from "effect"
import type { Page } from "playwright-core"

/** Runs a script of the browser's, as text: nothing here knows its globals. */
export const inPage = <A>(page: Page, script: string): Effect.Effect<A> =>
  Effect.promise(() => page.evaluate<A>(script))

/** When the browser had painted how things are, in ms since it asked for the page. */
export const verdictMillis = `new Promise((resolve) =>
  new PerformanceObserver((seen) => resolve(seen.getEntries()[0].renderTime)).observe({ type: "element", buffered: true })
)`

/** Down to the last of 10,000 letters; the median of what two frames took after each step. */
export const scrollToEnd = `(async () => {
  const box = document.querySelector("#letters .scroll")
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve))
  const isWhole = () => box.querySelector("table").ariaRowCount === "10001"
  const isAtEnd = () => box.scrollTop + box.clientHeight >= box.scrollHeight - 1
  const took = []
  while (!isWhole() || !isAtEnd()) {
    const from = performance.now()
    box.scrollBy(0, 3000)
    await frame()
    await frame()
    took.push(performance.now() - from)
  }
  return took.sort((one, other) => one - other)[took.length >> 1] ?? 0
})()`

/** 10,000 letters and 1,000 sessions in the place of the daemon's own. */
export const fullOf = (page: Page): Effect.Effect<void> =>
  Effect.promise(async () => {
    await page.route("**/api/outbox?*", (route) => {
      const after = Number(new URL(route.request().url()).searchParams.get("after") ?? 0)
      const entries = Array.from({ length: 1000 }, (_, index) => letter(after + index + 1))
      const isPending = route.request().url().includes("state=pending")
      const next = after + 1000 < 10_000 ? after + 1000 : null
      return route.fulfill({ json: isPending ? { entries, next } : { entries: [], next: null } })
    })
    await page.route(
      "**/api/sessions",
      (route) => route.fulfill({ json: Array.from({ length: 1000 }, (_, index) => session(index)) })
    )
  })

const letter = (id: number) => ({
  id,
  relay: "default",
  agent: "default",
  lane: "default",
  tool: `tool-${id}`,
  key: `key-${id}`,
  state: "pending",
  bytes: 100,
  attempts: 0,
  occurredAt: "2026-01-01T00:00:00.000Z",
  visibleAt: "2026-01-01T00:00:00.000Z",
  settledAt: null,
  reason: null,
  lastError: null,
  destination: "http://relay.test/mcp",
  principal: "p",
  onUnknown: "resend"
})

const session = (index: number) => ({
  relay: "default",
  session: `s-${index}`,
  agent: "default",
  client: "claude-code",
  clientVersion: "2.0",
  protocol: "2025-11-25",
  streams: 1,
  openedAt: "2026-01-01T00:00:00.000Z",
  usedAt: "2026-01-01T00:00:00.000Z"
})
