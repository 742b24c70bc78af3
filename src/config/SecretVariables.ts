/** Finds the variables of Holdfast's environment that an agent must not see, by the settings in force. */
import { otherVariables, variableOf } from "./Environment.ts"
import type { SettingsValues } from "./Settings.ts"
import * as TemplateText from "./TemplateText.ts"

/** Settings that may hold a token or a secret themselves. */
export const secretSettings = ["token", "relays", "credentials", "uplinks"] as const

/** Every program needs these, even where a setting takes a value from one. */
const everyday: ReadonlySet<string> = new Set([
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "TERM",
  "LANG",
  "TZ",
  "PWD",
  "TMPDIR"
])

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Removes the relay's token, every agent's secret, the settings that may hold a secret, and each variable that a
 * setting takes its value from (`{env:NAME}`). Variables that a token's command reads by itself are not known here.
 */
export const withoutSecrets = (environment: Environment, settings: SettingsValues): Environment => {
  const named = new Set<string>([
    otherVariables.relayToken,
    otherVariables.agentSecret,
    ...TemplateText.variablesOf(settings).filter((name) => !everyday.has(name))
  ])
  const isSecret = (name: string) =>
    named.has(name) ||
    secretSettings.map((setting) => variableOf([setting])).some((root) => name === root || name.startsWith(`${root}_`))
  // Windows ignores the case of a variable's name.
  const known = (name: string) => isSecret(name) || (process.platform === "win32" && isSecret(name.toUpperCase()))
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !known(name)))
}
