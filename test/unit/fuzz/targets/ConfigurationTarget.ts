/** Configuration files and variables: settings or a clear error, nothing else, and no secret in the error. */
import { Effect, Exit, FileSystem, Layer, Path } from "effect"
import { deepStrictEqual, ok } from "node:assert"
import { BadConfiguration } from "../../../../src/config/BadConfiguration.ts"
import { load } from "../../../../src/config/Load.ts"
import { withoutSecrets } from "../../../../src/config/SecretVariables.ts"
import { relayTargets } from "../../../../src/config/Settings.ts"
import type { Dice } from "../../../support/Dice.ts"
import { mutated, type Target } from "../fuzz.ts"

const secret = "s3cret-Mk1"

type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

const oauth: Json = { clientId: "c", issuer: "https://a.test", clientSecret: secret }

const whole: Json = {
  $schema: "x",
  listen: { host: "127.0.0.1", port: 1, allowedHosts: ["a"], maxBody: "1 MiB" },
  relay: { url: "https://relay.test/mcp" },
  token: { value: secret, agents: { ada: { oauth }, bert: { url: { url: "https://m.test", body: secret } } } },
  relays: {
    docs: { url: "https://docs.test/mcp", headers: { "X-Key": secret }, token: { oauth } },
    other: { url: "http://127.0.0.1:1/mcp", token: { url: "https://m.test", value: secret, sources: ["url", "value"] } }
  },
  credentials: { gh: { provider: "github", hosts: ["github.com"], token: { value: secret } } },
  outbox: { bufferable: ["a", "b*"], maxEntries: 10, retryBase: "1 second" },
  menu: { rules: [{ tools: ["a"], needs: "isolatedWorktree" }] },
  context: { facts: ["x"], git: { attach: true } },
  log: { level: "info", format: "json" }
}

/** None of them is a secret's place. */
const strange: readonly [Json, ...ReadonlyArray<Json>] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  "",
  "x",
  "{env:A}",
  "{file:/etc/passwd}",
  "{{}{agent}",
  "https://user:pw@a.test",
  "http://[::1",
  "99999999999999999999 days",
  "-1 seconds",
  "1e400 GiB",
  "NaN",
  "Infinity",
  [],
  {},
  [[[[]]]],
  [null, 1, "a"],
  { a: { b: {} } },
  { length: 3 }
]

const names = ["__proto__", "constructor", "toString", "url", "token", "value", "agents", "*", "", "a.b", "9"] as const

const isRecord = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The tree with one change somewhere. */
const changed = (dice: Dice, tree: Json): Json => {
  if (dice.chance(0.2)) return dice.of(strange)
  if (Array.isArray(tree)) {
    const list: ReadonlyArray<Json> = tree
    if (list.length === 0 || dice.chance(0.3)) return [...list, dice.of(strange)]
    return list.with(dice.between(0, list.length - 1), dice.of(strange))
  }
  if (!isRecord(tree)) return dice.of(strange)
  const entries = Object.entries(tree)
  if (entries.length === 0) return { [dice.of(names)]: dice.of(strange) }
  const at = dice.between(0, entries.length - 1)
  const [key, value] = entries[at] ?? ["x", null]
  return dice.of([
    () => Object.fromEntries(entries.toSpliced(at, 1)),
    () => Object.fromEntries([...entries, [dice.of(names), dice.of(strange)] as const]),
    () => Object.fromEntries(entries.with(at, [dice.of(names), value])),
    () => Object.fromEntries(entries.with(at, [key, changed(dice, value)])),
    () => Object.fromEntries(entries.with(at, [key, changed(dice, value)])),
    () => Object.fromEntries(entries.with(at, [key, changed(dice, value)])),
    () => Object.fromEntries(entries.with(at, [key, changed(dice, value)]))
  ])()
}

const part = (dice: Dice, tree: { readonly [key: string]: Json }): Json =>
  Object.fromEntries(Object.entries(tree).filter(() => dice.chance(0.4)))

const services = (text: string) =>
  Layer.mergeAll(FileSystem.layerNoop({ readFileString: () => Effect.succeed(text) }), Path.layer)

const loaded = (env: Readonly<Record<string, string>>, text: string) =>
  Effect.runSyncExit(load({ env, config: "/holdfast.json" }).pipe(Effect.provide(services(text))))

const checkExit = (exit: ReturnType<typeof loaded>): void => {
  if (Exit.isSuccess(exit)) {
    relayTargets(exit.value)
    deepStrictEqual(withoutSecrets({ HOLDFAST_TOKEN: secret, HOLDFAST_RELAYS_X: secret }, exit.value), {})
    return
  }
  const failures = exit.cause.reasons.map((reason) => reason._tag === "Fail" ? reason.error : reason)
  deepStrictEqual(failures.length, 1)
  const [failure] = failures
  ok(failure instanceof BadConfiguration, `not its own error: ${String(failure)}`)
  ok(failure.issues.length > 0 && failure.issues.every((issue) => issue.length > 0 && issue.length < 1500))
  ok(!failure.message.includes(secret) && !failure.message.includes("user:pw@"), failure.message)
}

const isObjectText = (text: string): boolean => text.trimStart().startsWith("{")

export const configurationTarget: Target = {
  name: "configuration",
  make: (dice) => {
    let tree: Json = part(dice, whole)
    for (let times = dice.between(0, 3); times > 0; times--) tree = changed(dice, tree)
    const text = JSON.stringify(tree)
    return dice.chance(0.1) ? mutated(dice, text, ["{", "}", "\"", ",", "\\", "//", "\u0000", "1e999"]) : text
  },
  check: (text) => {
    checkExit(loaded({}, text))
    if (!isObjectText(text)) return
    // The same as variables, one for each setting.
    let tree: unknown
    try {
      tree = JSON.parse(text)
    } catch {
      return
    }
    const flat = Object.entries(tree ?? {}).flatMap(([key, value]) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.entries(value).map(([inner, each]) => [`HOLDFAST_${key}_${inner}`.toUpperCase(), each] as const)
        : [[`HOLDFAST_${key}`.toUpperCase(), value] as const]
    )
    const env = Object.fromEntries(
      flat.map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)])
    )
    checkExit(loaded(env, "{}"))
  }
}
