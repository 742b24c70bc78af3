/**
 * Tells a person how far something is that takes longer than a second: a bar that is drawn over itself where standard error
 * is a terminal, a plain line now and then elsewhere. Standard output stays the command's own.
 */
import { Clock, Context, Effect, Ref, Schedule, type Scope } from "effect"
import * as Screen from "../observability/Screen.ts"

export interface Output {
  readonly isTerminal: boolean
  readonly columns: number
  readonly write: (text: string) => void
}

export const Output = Context.Reference<Output>("holdfast/cli/ProgressOutput", {
  defaultValue: (): Output => ({
    isTerminal: process.stderr.isTTY === true && process.env["TERM"] !== "dumb",
    columns: process.stderr.columns ?? 80,
    write: (text) => void process.stderr.write(text)
  })
})

export interface Progress {
  readonly done: (done: number) => Effect.Effect<void>
}

/** For what shows by itself how far it is. */
export const none: Progress = { done: () => Effect.void }

/** Sooner nobody wonders. */
const shownAfter = 1000
const redrawn = "200 millis"
const said = "10 seconds"

/** So wide, as full as `done` is of `total`; full only where all is done. */
export const bar = (done: number, total: number, width: number): string => {
  const share = total <= 0 ? 1 : Math.min(1, Math.max(0, done / total))
  const full = share === 1 ? width : Math.min(width - 1, Math.floor(share * width))
  return `${"█".repeat(full)}${"░".repeat(width - full)}`
}

const number = (value: number): string => value.toLocaleString("en")

const amount = (done: number, total: number | undefined): string =>
  total === undefined ? number(done) : `${number(done)} of ${number(Math.max(done, total))}`

const barWidth = 24
const again = "\r\u001b[K"

/** Until the scope ends; the bar is gone by then. `total` where it is known. */
export const make = Effect.fnUntraced(function*(
  what: string,
  total?: number
): Effect.fn.Return<Progress, never, Scope.Scope> {
  const { columns, isTerminal, write } = yield* Output
  const done = yield* Ref.make(0)
  const label = Screen.oneLine(what)
  let drawn = false

  const show = Effect.gen(function*() {
    const now = yield* Ref.get(done)
    if (!isTerminal) return write(`${label}: ${amount(now, total)}\n`)
    const counted = total === undefined ? "" : `${bar(now, total, barWidth)} `
    drawn = true
    write(`${again}${`${label}  ${counted}${amount(now, total)}`.slice(0, Math.max(1, columns - 1))}`)
  })

  yield* Effect.addFinalizer(() => Effect.sync(() => drawn && write(again)))
  yield* show.pipe(
    Effect.repeat(Schedule.spaced(isTerminal ? redrawn : said)),
    Effect.delay(isTerminal ? shownAfter : said),
    Effect.forkScoped
  )
  return { done: (count) => Ref.set(done, count) }
})

/** How long a wait has lasted, in seconds, of how long it may. */
export const during = <A, E, R>(what: string, seconds: number | undefined, wait: Effect.Effect<A, E, R>) =>
  Effect.scoped(Effect.gen(function*() {
    const { isTerminal } = yield* Output
    // Who is no person is not told that one is waited for.
    if (!isTerminal) return yield* wait
    const progress = yield* make(`${what} (seconds)`, seconds)
    const began = yield* Clock.currentTimeMillis
    yield* Effect.flatMap(Clock.currentTimeMillis, (now) => progress.done(Math.floor((now - began) / 1000))).pipe(
      Effect.repeat(Schedule.spaced(redrawn)),
      Effect.forkScoped
    )
    return yield* wait
  }))
