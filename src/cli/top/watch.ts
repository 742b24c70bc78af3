/**
 * `holdfast top`: the daemon at a glance, drawn anew each second, with keys. Where nothing can be drawn, as in a pipe or
 * on a dumb terminal, it prints a line for what changed.
 *
 * It goes on while the daemon is restarted, and says so.
 */
import { Clock, Console, DateTime, Effect, Fiber, Option, Queue, Ref, Terminal } from "effect"
import { TerminalCapabilities } from "effect/cli"
import { RelayId } from "../../domain/Ids.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { colors } from "../print.ts"
import * as Away from "./away.ts"
import * as Draining from "./draining.ts"
import * as Drawing from "./Drawing.ts"
import { frame, plainLines, type Size } from "./frame.ts"
import { clamped, firstView, press, type Retry, type View } from "./keys.ts"
import { type Overview, overview } from "./Overview.ts"

const every = "1 second"

/** What a terminal says that has none to say. */
const usualSize: Size = { columns: 80, rows: 24 }

/** How a key is called in `keys.ts`. */
const nameOf = ({ input, key }: Terminal.UserInput): string => {
  const text = Option.getOrElse(input, () => "")
  if (key.name === "tab") return key.shift ? "shift-tab" : "tab"
  return /^[a-zA-Z0-9]$/.test(text) ? text : key.name
}

const retry = Effect.fnUntraced(function*({ ids: [first, ...rest], relay }: Retry) {
  if (first === undefined) return ""
  const daemon = yield* DaemonClient
  const payload = { ids: [first, ...rest], relay: RelayId.make(relay), reason: "holdfast top" } as const
  const { ids } = yield* daemon.ask((client) => client.outbox.retry({ payload }))
  if (ids.length === 0) return "nothing was sent: it is not dead or held any more"
  return ids.length === 1 ? `letter ${ids[0]} is back in line` : `${ids.length} letters are back in line`
}, Effect.catch(({ message }) => Effect.succeed(message)))

const drawn = Effect.scoped(Effect.gen(function*() {
  // First, so that a daemon that does not run is an error and no empty screen.
  const memory = { awayToday: yield* Away.make, draining: Draining.make() }
  const first = yield* overview(0, memory)
  const paint = yield* colors
  const terminal = yield* Terminal.Terminal
  const keys = yield* terminal.readInput
  const sizes = yield* terminal.size
  const drawing = yield* Drawing.make
  const seen = yield* Ref.make<Overview>(first)
  const view = yield* Ref.make<View>(firstView)
  const lastError = yield* Ref.make("")
  const size = yield* Ref.make(usualSize)

  const redraw = Effect.gen(function*() {
    const present = yield* Ref.get(seen)
    const now = DateTime.makeUnsafe(Math.floor(yield* Clock.currentTimeMillis))
    const kept = yield* Ref.updateAndGet(view, (view) => clamped(view, present))
    const gone = yield* Ref.get(lastError)
    const shown = gone === "" ? kept : { ...kept, said: gone }
    const room = yield* Ref.get(size)
    yield* drawing.draw(frame({ ...present, now }, shown, room, paint), room)
  })

  const look = Effect.gen(function*() {
    const { chosen } = yield* Ref.get(view)
    yield* Ref.set(seen, yield* overview(chosen.relays, memory))
    yield* Ref.set(lastError, "")
  }).pipe(
    Effect.catch(({ message }) => Ref.set(lastError, `as it was: ${message}`)),
    Effect.andThen(redraw)
  )

  const resized = Effect.gen(function*() {
    const { columns, rows } = yield* Queue.take(sizes)
    yield* Ref.set(size, { columns: columns || usualSize.columns, rows: rows || usualSize.rows })
    yield* redraw
  })

  const onKey = Effect.gen(function*() {
    const name = nameOf(yield* Queue.take(keys))
    const [next, deed] = press(yield* Ref.get(view), yield* Ref.get(seen), name)
    const moved = next.chosen.relays !== (yield* Ref.getAndSet(view, next)).chosen.relays
    yield* redraw
    if (deed.does === "retry") {
      const said = yield* retry(deed.retry)
      yield* Ref.update(view, (view) => ({ ...view, said }))
    }
    if (moved || deed.does === "retry") yield* look
    return deed.does === "quit"
  })

  yield* Effect.forkScoped(Effect.ignore(Effect.forever(resized)))
  const looking = yield* Effect.forkScoped(Effect.forever(Effect.andThen(look, Effect.sleep(every))))
  // The keys end with Ctrl-C, Escape, or the terminal itself.
  yield* Effect.ignore(Effect.repeat(onKey, { until: (quit) => quit }))
  yield* Fiber.interrupt(looking)
}))

const printed = Effect.gen(function*() {
  const memory = { awayToday: yield* Away.make, draining: Draining.make() }
  let shown: ReadonlyArray<string> = []
  const print = Effect.fnUntraced(function*(lines: ReadonlyArray<string>) {
    const time = DateTime.formatIso(DateTime.makeUnsafe(Math.floor(yield* Clock.currentTimeMillis)))
    for (const line of lines) if (!shown.includes(line)) yield* Console.log(`${time} ${line}`)
    shown = lines
  })
  yield* Effect.flatMap(overview(0, memory), (first) => print(plainLines(first)))
  return yield* Effect.forever(
    overview(0, memory).pipe(
      Effect.map(plainLines),
      Effect.catch(({ message }) => Effect.succeed([message])),
      Effect.flatMap(print),
      Effect.delay(every)
    )
  )
})

export const watch = Effect.gen(function*() {
  const { canAnimate, canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
  return yield* canAnimate && canPrompt ? drawn : printed
})
