/** Which settings of a configuration read anew differ from those in force, for whoever has to start anew for them. */
import { Equal, Predicate } from "effect"
import type { SettingsValues } from "./Settings.ts"

/** Relays are applied while the daemon runs; `$schema` is the editor's. */
const applied: ReadonlySet<string> = new Set(["relays", "$schema"])

const isSection = (value: unknown): value is Readonly<Record<string, unknown>> =>
  Predicate.isObject(value) && Object.getPrototypeOf(value) === Object.prototype

/** Their names, such as `outbox.workers`; never a value. */
export const changedSettings = (before: SettingsValues, now: SettingsValues): ReadonlyArray<string> => {
  const [one, other]: ReadonlyArray<Readonly<Record<string, unknown>>> = [before, now]
  const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter((key) => !applied.has(key))
  return keys.flatMap((key) => {
    const [old, fresh] = [one?.[key], other?.[key]]
    if (!isSection(old) || !isSection(fresh)) return Equal.equals(old, fresh) ? [] : [key]
    return [...new Set([...Object.keys(old), ...Object.keys(fresh)])]
      .filter((name) => !Equal.equals(old[name], fresh[name]))
      .map((name) => `${key}.${name}`)
  })
}
