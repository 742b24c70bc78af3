/**
 * Parses text of the configuration that names values known only at use: `{agent}`, `{env:NAME}`, `{file:PATH}`, and
 * `{{}` for a plain brace. `src/token/sources/Template.ts` fills them in.
 */
import { Predicate, Redacted } from "effect"
import { mintPresets } from "./TokenSettings.ts"

export type Hole =
  | { readonly _tag: "Brace" }
  | { readonly _tag: "Agent" }
  | { readonly _tag: "Variable"; readonly name: string }
  | { readonly _tag: "File"; readonly path: string }

const form = /\{(\{|agent|env:\w+|file:[^{}]+)\}/g

const holeOf = (inner: string): Hole => {
  if (inner === "{") return { _tag: "Brace" }
  if (inner === "agent") return { _tag: "Agent" }
  const rest = inner.slice(inner.indexOf(":") + 1)
  return inner.startsWith("env:") ? { _tag: "Variable", name: rest } : { _tag: "File", path: rest }
}

/** In order, each with its offset. */
export const holesIn = (text: string): ReadonlyArray<{ readonly at: number; readonly hole: Hole }> =>
  Array.from(text.matchAll(form), ({ index, 1: inner = "" }) => ({ at: index, hole: holeOf(inner) }))

/** Fills the holes of the text, in their order. */
export const fill = (text: string, values: ReadonlyArray<string>): string => {
  let next = 0
  return text.replace(form, () => values[next++] ?? "")
}

export const variable = (name: string): string => `{env:${name}}`

/** The path has no brace; `canName` checks that. */
export const file = (path: string): string => `{file:${path}}`

export const canName = (path: string): boolean => !/[{}]/.test(path)

/** Whether the text has a hole. */
export const isTemplate = (text: string): boolean => holesIn(text).some(({ hole }) => hole._tag !== "Agent")

/** Lists the environment variables that a setting, or anything inside it, takes a value from. */
export const variablesOf = (setting: unknown): ReadonlyArray<string> => {
  if (Redacted.isRedacted(setting)) return variablesOf(Redacted.value(setting))
  if (Predicate.isString(setting)) {
    return holesIn(setting).flatMap(({ hole }) => hole._tag === "Variable" ? [hole.name] : [])
  }
  if (!Predicate.isObjectOrArray(setting)) return []
  const preset = Predicate.hasProperty(setting, "preset") ? setting.preset : undefined
  return [
    ...Object.values(setting).flatMap(variablesOf),
    ...Predicate.isString(preset) && Object.hasOwn(mintPresets, preset)
      ? variablesOf(Reflect.get(mintPresets, preset))
      : []
  ]
}
