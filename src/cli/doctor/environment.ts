import { hostsOf } from "../../config/CredentialSettings.ts"
import { otherVariables } from "../../config/Environment.ts"
import type { SettingsValues } from "../../config/Settings.ts"
import { ok, problem } from "./Check.ts"

const name = "environment"
const ofGh = ["GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"]

/** Whether a token in this environment gets before the fresh one: a stale GH_TOKEN breaks pushes after an hour. */
export const environment = ({ credentials }: SettingsValues, env: Readonly<Record<string, string | undefined>>) => {
  const forGitHub = Object.values(credentials).some((one) =>
    one.provider === "github" || hostsOf(one).some((host) => /(^|\.)(github\.com|ghe\.com)$/.test(host))
  )
  const set = ofGh.filter((variable) => (env[variable] ?? "") !== "")
  if (!forGitHub || set.length === 0) return ok(name, "no token in it gets before a fresh one")
  return problem(
    name,
    `${set.join(", ")} is set, and gh takes it before all else, stale or not`,
    env[otherVariables.endpoint] === undefined
      ? `unset ${set.join(" ")}, and run gh by "holdfast gh -- …"`
      : "run gh by \"holdfast gh -- …\": what this command was started with cannot be renewed"
  )
}
