/**
 * Settings from environment variables: a setting's variable is its path in upper snake case, `outbox.maxEntries` is
 * `HOLDFAST_OUTBOX_MAX_ENTRIES`. Lists are comma-separated, what is deeper is JSON. A variable that is set to nothing
 * counts as unset, but for lists, where it is the empty list.
 */
import { Option, Schema } from "effect"
import { type Given, nameOf } from "./BadConfiguration.ts"
import { type SettingKind, type SettingPath, settingPaths } from "./SettingsJsonSchema.ts"

const prefix = "HOLDFAST_"

const snake = (word: string): string => word.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()

export const variableOf = (path: ReadonlyArray<string>): string => prefix + path.map(snake).join("_")

/** Variables with a meaning that is no setting. */
export const otherVariables = {
  /** The configuration file, as `--config`. */
  config: "HOLDFAST_CONFIG",
  /** The `environment` source of the relay's token. */
  relayToken: "HOLDFAST_RELAY_TOKEN",
  /** The default agent's secret, in place of the minted one. */
  agentSecret: "HOLDFAST_AGENT_SECRET",
  /** Told to an agent that `exec` starts: where it connects, and its name. */
  endpoint: "HOLDFAST_ENDPOINT",
  agent: "HOLDFAST_AGENT",
  /** What the command line explains on standard error: `credential`. */
  debug: "HOLDFAST_DEBUG"
} as const

const short: Readonly<Record<string, string>> = { HOLDFAST_PORT: "listen.port" }

const settingsByVariable = (): ReadonlyMap<string, SettingPath> =>
  new Map(
    settingPaths().flatMap((setting) => {
      const name = nameOf(setting.path)
      const aliases = Object.keys(short).filter((alias) => short[alias] === name)
      return [...aliases, variableOf(setting.path)].map((variable) => [variable, setting])
    })
  )

const decodeJson = Schema.decodeOption(Schema.fromJsonString(Schema.Unknown))

const readAs: Record<SettingKind, (text: string) => unknown> = {
  text: (text) => text,
  number: (text) => /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text,
  list: (text) => text.split(",").map((item) => item.trim()).filter((item) => item !== ""),
  // Text that is no JSON is refused further on, as a value of the wrong type.
  json: (text) => Option.getOrElse(decodeJson(text), () => text)
}

/** What the variables say, and what is wrong with their names: a typo must not be silent. */
export const fromEnvironment = (
  env: Readonly<Record<string, string | undefined>>
): { readonly givens: ReadonlyArray<Given>; readonly issues: ReadonlyArray<string> } => {
  const others: ReadonlyArray<string> = Object.values(otherVariables)
  const names = Object.keys(env).filter((name) => name.startsWith(prefix) && !others.includes(name))
  if (names.length === 0) return { givens: [], issues: [] }
  const settings = settingsByVariable()
  const givens = Array.from(settings).flatMap(([variable, { kind, path }]): ReadonlyArray<Given> => {
    const text = env[variable]
    if (text === undefined || (text === "" && kind !== "list")) return []
    return [{ path, value: readAs[kind](text), from: variable }]
  })
  const issues = names.filter((name) => !settings.has(name)).map((name) =>
    `${name} is not a variable of Holdfast; a setting's variable is its path, as in ${
      variableOf(["outbox", "workers"])
    } for outbox.workers`
  )
  return { givens, issues }
}
