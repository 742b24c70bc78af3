/**
 * Reads settings from environment variables. A setting's variable is its path in upper snake case: `outbox.maxEntries`
 * is `HOLDFAST_OUTBOX_MAX_ENTRIES`. Lists are separated by commas; deeper values are JSON. An empty variable counts as
 * unset; for a list it is the empty list.
 */
import { Option, Schema } from "effect"
import { type Given, nameOf } from "./BadConfiguration.ts"
import { type SettingKind, type SettingPath, settingPaths } from "./SettingsJsonSchema.ts"

const prefix = "HOLDFAST_"

const snake = (word: string): string => word.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()

export const variableOf = (path: ReadonlyArray<string>): string => prefix + path.map(snake).join("_")

/** Variables that are no settings. */
export const otherVariables = {
  /** Names the configuration file, as `--config` does. */
  config: "HOLDFAST_CONFIG",
  /** The token of the source `environment`. */
  relayToken: "HOLDFAST_RELAY_TOKEN",
  /** The default agent's secret; it replaces the minted one. */
  agentSecret: "HOLDFAST_AGENT_SECRET",
  /** `exec` sets these for an agent: where it connects, and its name. */
  endpoint: "HOLDFAST_ENDPOINT",
  agent: "HOLDFAST_AGENT",
  /** The command line explains these on standard error: `credential`. */
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
  // The schema refuses text that is no JSON, as a value of the wrong type.
  json: (text) => Option.getOrElse(decodeJson(text), () => text)
}

/** Gives the values of the variables and the unknown names among them: a typo must not pass unseen. */
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
