/**
 * How quick the dashboard is in a real browser: `node bench/dashboard.ts`. Prints when the page has painted how things
 * are, by the browser's own measure and counted from the request, at the first visit and in ten loads; and what two frames
 * take while 10,000 letters are scrolled. Needs Chromium.
 */
import { Effect, Layer } from "effect"
import { Browser, linkOf } from "../test/support/Browser.ts"
import { fullOf, inPage, scrollToEnd, verdictMillis } from "../test/support/dashboardPage.ts"
import { Rig } from "../test/support/Rig.ts"

const program = Effect.gen(function*() {
  const { daemon } = yield* Rig
  const browser = yield* Browser
  const { page } = yield* browser.open(daemon)
  const first = yield* inPage<number>(page, verdictMillis)
  yield* Effect.log(`a fresh browser, by the link, has how things are painted after ${first.toFixed(0)} ms`)
  const painted: Array<number> = []
  for (let round = 0; round < 10; round++) {
    yield* Effect.promise(() => page.reload())
    yield* Effect.promise(() => page.locator("#verdict").waitFor())
    painted.push(yield* inPage<number>(page, verdictMillis))
  }
  painted.sort((one, other) => one - other)
  const [best = 0, , , , , median = 0] = painted
  yield* Effect.log(
    `one that is signed in after ${median.toFixed(0)} ms, the median of ten; ${best.toFixed(0)} at the best`
  )

  const full = yield* browser.blank()
  yield* fullOf(full.page)
  const link = yield* linkOf(daemon)
  yield* Effect.promise(() => full.page.goto(link))
  yield* Effect.promise(() => full.page.locator("#letters .scroll").filter({ hasText: "tool-1" }).first().waitFor())
  const frames = yield* inPage<number>(full.page, scrollToEnd)
  yield* Effect.log(`two frames while scrolling took ${frames.toFixed(0)} ms, the median`)
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Layer.merge(Rig.layer(), Browser.layer))))
