/** Whether git and gh get fresh credentials: from their source, by the helper, and past no stale variable. */
import { type DateTime, Effect, Result } from "effect"
import type { CredentialView } from "../../admin/CredentialView.ts"
import { hostsOf, originOf } from "../../config/CredentialSettings.ts"
import { otherVariables } from "../../config/Environment.ts"
import type { SettingsValues } from "../../config/Settings.ts"
import { run } from "../../credentials/GitInstall.ts"
import { chainFor, parseList } from "../../credentials/HelperChain.ts"
import { formatCredential } from "../credential/credential.ts"
import { type Check, ok, problem } from "./Check.ts"

/** Whether the source of a credential for git and gh answered when it was last asked; it is not asked for this. */
export const credential = (view: CredentialView, now: DateTime.Utc): Check => {
  const name = `credential ${view.name}`
  const words = formatCredential(view, now)
  if (view.lastError === null) return ok(name, words)
  return problem(name, words, view.state === "rejected" ? "renew what is shown to the source" : "look at the source")
}

const gitHelperName = "git helper"
const install = "\"holdfast credential install\""

/** As `credential install` writes it, or a person does. */
const isOurs = (helper: string | undefined): boolean => helper !== undefined && /^!.* credential( |$)/.test(helper)

/** Whether git asks Holdfast first, for each configured host, here and for this user. */
export const gitHelper = Effect.fnUntraced(function*({ credentials }: SettingsValues) {
  const origins = Object.values(credentials).flatMap((one) => hostsOf(one).flatMap((host) => originOf(host) ?? []))
  if (origins.length === 0) return ok(gitHelperName, "no credential is configured")
  const listed = yield* Effect.result(run(["config", "--list", "--null", "--includes"]))
  if (Result.isFailure(listed)) return problem(gitHelperName, listed.failure.detail, "install git")
  const entries = parseList(listed.success.out)
  const first = origins.map((origin) => ({ origin, helper: chainFor(entries, origin)[0] }))
  const without = first.filter(({ helper }) => !isOurs(helper)).map(({ origin }) => origin)
  return without.length === 0
    ? ok(gitHelperName, `git asks Holdfast for ${origins.join(", ")}`)
    : problem(gitHelperName, `git does not ask Holdfast first for ${without.join(", ")}`, install)
})

const environmentName = "environment"
const ofGh = ["GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"]

/** Whether a token in this environment gets before the fresh one: a stale GH_TOKEN breaks pushes after an hour. */
export const environment = ({ credentials }: SettingsValues, env: Readonly<Record<string, string | undefined>>) => {
  const forGitHub = Object.values(credentials).some((one) =>
    one.provider === "github" || hostsOf(one).some((host) => /(^|\.)(github\.com|ghe\.com)$/.test(host))
  )
  const set = ofGh.filter((variable) => (env[variable] ?? "") !== "")
  if (!forGitHub || set.length === 0) return ok(environmentName, "no token in it gets before a fresh one")
  return problem(
    environmentName,
    `${set.join(", ")} is set, and gh takes it before all else, stale or not`,
    env[otherVariables.endpoint] === undefined
      ? `unset ${set.join(" ")}, and run gh by "holdfast gh -- …"`
      : "run gh by \"holdfast gh -- …\": what this command was started with cannot be renewed"
  )
}
