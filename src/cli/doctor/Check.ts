/** One link of the chain as `doctor` found it, in words; never a secret. */
import { Schema } from "effect"

export const Check = Schema.Struct({
  /** What was looked at, and which one where there are several: `relay default`. */
  name: Schema.String,
  /** `unknown` where another problem stands in the way of looking. */
  state: Schema.Literals(["ok", "problem", "unknown"]),
  found: Schema.String,
  /** What to do about a problem. */
  remedy: Schema.NullOr(Schema.String)
})
export type Check = typeof Check.Type

/** What `doctor --json` prints. */
export const Report = Schema.Struct({
  /** Whether there is no problem. */
  ok: Schema.Boolean,
  checks: Schema.Array(Check)
})
export type Report = typeof Report.Type

export const ok = (name: string, found: string): Check => ({ name, state: "ok", found, remedy: null })

export const problem = (name: string, found: string, remedy: string): Check => ({
  name,
  state: "problem",
  found,
  remedy
})

export const unknown = (name: string, found: string): Check => ({ name, state: "unknown", found, remedy: null })
