import * as fc from "fast-check"

const space = fc.constantFrom("", "", "", " ", "\n  ", "\t", "\r\n")
const scalar = fc.oneof(
  fc.constantFrom(
    "12345678901234567890",
    "1.0",
    "-0",
    "1e3",
    "true",
    "null",
    "\"\"",
    "\"\\ud800\"",
    "\"\\\\\"",
    "\"\\\"}],\\\\\\\"\""
  ),
  fc.string().map((s) => JSON.stringify(s))
)
const key = fc.constantFrom("\"a\"", "\"\\u0061\"", "\"b\"", "\"id\"", "\"a\\\"\"", "\"\"")

/** JSON texts with free spacing, escapes, numbers that a double can't hold, and duplicated keys. */
export const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string; inner: string }>((tie) => ({
  inner: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalar,
    fc.array(fc.tuple(space, tie("value")), { maxLength: 4 }).map((all) =>
      `[${all.map(([s, v]) => s + v + s).join(",")} ]`
    ),
    fc.array(fc.tuple(space, key, tie("value")), { maxLength: 4 }).map((all) =>
      `{ ${all.map(([s, k, v]) => `${s}${k}${s}:${v}`).join(`,`)}}`
    )
  ),
  value: fc.tuple(space, tie("inner"), space).map((parts) => parts.join(""))
})).value

export const path = fc.array(fc.oneof(fc.constantFrom("a", "b", "id", "a\"", ""), fc.nat(2)), {
  minLength: 1,
  maxLength: 3
})
