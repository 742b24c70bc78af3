/**
 * The one that writes the journal: hears what the rooms below tell, and appends it. It sums up what comes in bursts, so
 * that the last record of a burst says all of it.
 */
import { Clock, Effect, Layer } from "effect"
import { Settings } from "../config/Settings.ts"
import { type Happening, Happenings, type Told } from "../observability/Happenings.ts"
import { isWithin, linkFlap, menuBurst, rememberNewest } from "./Compaction.ts"
import { Journal } from "./Journal.ts"
import { redacted } from "./Redaction.ts"

interface Latest<T> {
  readonly at: number
  readonly happening: T
}

export const layer = Layer.effectDiscard(Effect.gen(function*() {
  const { journal: { content } } = yield* Settings
  const { append } = yield* Journal
  const happenings = yield* Happenings
  const clock = yield* Clock.Clock
  const links = new Map<string, Latest<Told<"link.up" | "link.down">>>()
  const menus = new Map<string, Latest<Told<"menu.changed">>>()
  const now = () => Math.floor(clock.currentTimeMillisUnsafe())

  const summed = (happening: Happening): Happening => {
    switch (happening.type) {
      case "link.up":
      case "link.down":
        return inBurst(links, happening.payload.relay, linkFlap, happening, ({ payload }, later) => {
          const count = payload.count + 1
          return later.type === "link.up"
            ? { ...later, payload: { ...later.payload, count } }
            : { ...later, payload: { ...later.payload, count } }
        })
      case "menu.changed":
        return inBurst(menus, `${happening.payload.relay} ${happening.subject}`, menuBurst, happening, both)
      case "call.started":
      case "call.answered":
        return happening.payload.content === undefined ? happening : withoutSecrets(happening)
      default:
        return happening
    }
  }

  const inBurst = <T extends Happening>(
    latest: Map<string, Latest<T>>,
    key: string,
    window: number,
    happening: T,
    join: (before: T, later: T) => T
  ): T => {
    const at = now()
    const before = latest.get(key)
    const sum = before !== undefined && isWithin(before.at, at, window) ? join(before.happening, happening) : happening
    rememberNewest(latest, key, { at, happening: sum })
    return sum
  }

  happenings.withContent = content === "full"
  yield* happenings.listen((happening) => append(summed(happening)))
}))

const withoutSecrets = (happening: Told<"call.started" | "call.answered">): Happening => {
  const content = redacted(happening.payload.content ?? "")
  return happening.type === "call.started"
    ? { ...happening, payload: { ...happening.payload, content } }
    : { ...happening, payload: { ...happening.payload, content } }
}

const without = (names: ReadonlyArray<string>, ...others: ReadonlyArray<ReadonlyArray<string>>) =>
  names.filter((name) => !others.some((other) => other.includes(name)))

const joined = (...lists: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => [...new Set(lists.flat())]

/** What two changes of a menu come to, one after the other. */
const both = ({ payload: one }: Told<"menu.changed">, later: Told<"menu.changed">): Told<"menu.changed"> => {
  const { payload: two } = later
  const added = joined(without(one.added, two.removed), without(two.added, one.removed))
  const removed = joined(without(one.removed, two.added), without(two.removed, one.added))
  const back = one.removed.filter((name) => two.added.includes(name))
  return {
    ...later,
    payload: {
      ...two,
      added,
      removed,
      changed: without(joined(one.changed, two.changed, back), added, removed),
      rules: joined(one.rules, two.rules),
      count: one.count + 1
    }
  }
}
