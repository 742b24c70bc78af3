/** Lists all that is wrong with the configuration at once: each issue has its key, its value and what is allowed. */
import { Predicate, Schema, SchemaIssue } from "effect"
import { keysAt } from "./SettingsJsonSchema.ts"

export class BadConfiguration extends Schema.TaggedError<BadConfiguration>()("BadConfiguration", {
  issues: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `the configuration is not valid:\n${this.issues.map((issue) => `  - ${issue}`).join("\n")}`
  }
}

/** The value that a source gives for a setting, or for all settings below it. */
export interface Given {
  readonly path: ReadonlyArray<string>
  readonly value: unknown
  /** The name of the flag, variable or file, as the user knows it. */
  readonly from: string
}

type Path = ReadonlyArray<PropertyKey>

export const nameOf = (path: Path): string => path.map(String).join(".")

const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>((value, key) => Predicate.isObjectOrArray(value) ? Reflect.get(value, key) : undefined, value)

const isText = (value: unknown): boolean =>
  Predicate.isString(value) || (Array.isArray(value) && value.every(Predicate.isString))

/** As `user:password@host` does, in a URL or in what was meant for one. */
const mayHoldPassword = /[:/][^/]*@/

/** Shows a value. A value that may hold a token, a URL with a password and a long text are not shown. */
export const shown = (path: Path, value: unknown): string | undefined => {
  const isRelayUrl = path[0] === "relays" && path.length === 3 && path[2] === "url"
  const mayHoldToken = ["relays", "token", "credentials"].some((name) => name === path[0])
    || (path[0] === "uplinks" && (path.length < 3 || path[2] === "token"))
  const isPublic = isRelayUrl || path.includes("sources") || (path[0] === "credentials" && path[2] === "hosts")
  // A secret may stand in an object that is there in the place of a text.
  if (mayHoldToken && !(isPublic && isText(value))) return undefined
  const text = JSON.stringify(value)
  return text === undefined || text.length > 100 || mayHoldPassword.test(text) ? undefined : text
}

const startsWith = (path: Path, start: Path): boolean => start.every((key, index) => path[index] === key)

/** Names the source of the value; where several sources gave parts of it, all of them. */
const sourceOf = (path: Path, givens: ReadonlyArray<Given>): string => {
  const whole = givens.findLast((given) => startsWith(path, given.path))
  const from = whole === undefined ? givens.filter((given) => startsWith(given.path, path)) : [whole]
  return from.length === 0 ? "" : ` (from ${from.map((given) => given.from).join(", ")})`
}

const expectedBy = (issue: SchemaIssue.Leaf): string | undefined => {
  if (issue._tag !== "InvalidType") return undefined
  const expected = issue.ast.annotations?.["expected"]
  return Predicate.isString(expected) ? `Expected ${expected}` : undefined
}

const format = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => expectedBy(issue) ?? SchemaIssue.defaultLeafHook(issue)
})

const worded = (message: string, path: Path, input: unknown): string => {
  const name = nameOf(path)
  if (message === "Missing key") return `${name} is missing`
  if (message === "Expected no excess property") {
    return `${name} is not a setting; known here: ${keysAt(path.slice(0, -1)).join(", ")}`
  }
  if (!message.startsWith("Expected ")) return `${name}: ${message}`
  const value = shown(path, valueAt(input, path))
  return `${name}: ${value === undefined ? "the value" : value} is not valid; expected ${message.slice(9)}`
}

/** `givens` name the source of each issue; later ones win over earlier ones. */
export const describe = (
  issue: SchemaIssue.Issue,
  input: unknown,
  givens: ReadonlyArray<Given>
): ReadonlyArray<string> =>
  format(issue).issues.map(({ message, path = [] }) => {
    const keys = path.map((segment) => typeof segment === "object" ? segment.key : segment)
    return worded(message, keys, input) + sourceOf(keys, givens)
  })
