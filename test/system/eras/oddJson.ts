/** JSON text as somebody else would write it: odd spacing, key order, escapes, numbers that no double holds. */
import * as fc from "fast-check"

export const space = fc.constantFrom("", "", " ", "\n", "\t ", "\r\n")
const number = fc.constantFrom("0", "-0", "1e400", "12345678901234567890", "0.1000", "1E-7")
const string = fc.oneof(
  fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
  fc.constantFrom("\"\\ud800\"", "\"\\u0000\\/\"", "\"\u00fc\u4e16\ud83d\ude00\"", `"${"x".repeat(1024 * 1024)}"`)
)
const { value: shallow } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    number,
    string,
    fc.constantFrom("true", "false", "null"),
    fc.tuple(space, fc.array(tie("value"), { maxLength: 4 })).map(([gap, all]) =>
      `[${gap}${all.join(`${gap},`)}${gap}]`
    ),
    fc.tuple(space, fc.array(fc.tuple(string, tie("value")), { maxLength: 4 })).map(([gap, all]) =>
      `{${gap}${all.map(([key, inner]) => `${key}${gap}:${gap}${inner}`).join(`,${gap}`)}}`
    )
  )
}))
const deep = fc.integer({ min: 1, max: 400 }).map((depth) => `${"[".repeat(depth)}${"]".repeat(depth)}`)

export const value = fc.oneof({ weight: 5, arbitrary: shallow }, { weight: 1, arbitrary: deep })
export const id = fc.constantFrom("7", "\"id\"", "98765432109876543210", "\"\\u0069d\"")

export const fits = (body: string): boolean => Buffer.byteLength(body) < 4 * 1024 * 1024
