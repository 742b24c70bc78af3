/** git's credential protocol: each line read as gitcredentials(7) has it, and no host taken for another. */
import { Option } from "effect"
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import * as GitCredential from "../../../../src/credentials/GitCredential.ts"
import * as Authority from "../../../../src/domain/Authority.ts"
import { Dice } from "../../../support/Dice.ts"
import { mutated, type Target } from "../fuzz.ts"

const words = [
  "protocol=https",
  "protocol=http",
  "host=github.com",
  "host=GitHub.com:443",
  "host=evil.com",
  "host=",
  "username=git",
  "password=p=w",
  "path=a/b",
  "url=https://github.com/a",
  "url=https://user:pw@github.com#@evil.com",
  "url=https://evil.com\\@github.com",
  "wwwauth[]=Basic realm=\"x\"",
  "capability[]=authtype",
  "=",
  "github.com",
  "evil.com",
  "@",
  "/",
  "\\",
  "#",
  "?",
  "%67ithub.com",
  "%2e",
  ".",
  ":443",
  ":0443",
  "ｇithub.com",
  "ſ",
  "\t",
  " ",
  "\r",
  "\n",
  "\n",
  "\n\n",
  "\0",
  "é"
] as const

/** The attributes of gitcredentials(7): a key, `=`, a value; the last one counts; an empty line ends them. */
const attributes = (text: string): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  for (const raw of text.split("\n")) {
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw
    if (line === "") return found
    const [key = "", ...rest] = line.split("=")
    if (rest.length > 0 && key !== "") found.set(key, rest.join("="))
  }
  return found
}

export const gitTarget: Target = {
  name: "git",
  make: (dice) => {
    const text = Array.from({ length: dice.between(0, 8) }, () => dice.of(words) + (dice.chance(0.5) ? "\n" : "")).join(
      ""
    )
    return dice.chance(0.3) ? mutated(dice, text, ["=", "\n", "@", "/", ".", "g", "%", "\u212a", "[", "]"]) : text
  },
  check: (text) => {
    const said = GitCredential.parse(text)
    const expected = attributes(text)
    for (const key of ["protocol", "host", "username", "password"] as const) {
      if (expected.has(key)) strictEqual(said[key], expected.get(key))
      else if (!expected.has("url")) strictEqual(said[key], undefined)
    }
    const { host = "", protocol } = said
    const origin = protocol === "https" || protocol === "http" ? Authority.originOf(protocol, host) : Option.none()
    if (Option.isSome(origin) && new URL(origin.value).hostname === "github.com") {
      ok(/^github\.com(:\d{1,5})?$/i.test(host), `${JSON.stringify(host)} is taken for GitHub`)
      ok(origin.value !== "https://github.com" || /^github\.com(:0*443)?$/i.test(host))
    }

    const dice = new Dice(text)
    const any = () => dice.chance(0.5) ? dice.of(words) : text.slice(0, dice.between(0, 12))
    const answer = { protocol: any(), host: any(), username: any(), password: any(), expiresAt: 5000 }
    const written = GitCredential.format(answer)
    if (written === undefined) return
    strictEqual(written.split("\n").length, 6)
    const { expiresAt: _, ...pairs } = answer
    deepStrictEqual(Object.fromEntries(attributes(written)), { ...pairs, password_expiry_utc: "5" })
  }
}
