import { Effect, Result } from "effect"
import { hostsOf, originOf } from "../../config/CredentialSettings.ts"
import type { SettingsValues } from "../../config/Settings.ts"
import { run } from "../../credentials/GitInstall.ts"
import { chainFor, parseList } from "../../credentials/HelperChain.ts"
import { ok, problem } from "./Check.ts"

const name = "git helper"
const install = "\"holdfast credential install\""

/** As `credential install` writes it, or a person does. */
const isOurs = (helper: string | undefined): boolean => helper !== undefined && /^!.* credential( |$)/.test(helper)

/** Whether git asks Holdfast first, for each configured host, here and for this user. */
export const gitHelper = Effect.fnUntraced(function*({ credentials }: SettingsValues) {
  const origins = Object.values(credentials).flatMap((one) => hostsOf(one).flatMap((host) => originOf(host) ?? []))
  if (origins.length === 0) return ok(name, "no credential is configured")
  const listed = yield* Effect.result(run(["config", "--list", "--null", "--includes"]))
  if (Result.isFailure(listed)) return problem(name, listed.failure.detail, "install git")
  const entries = parseList(listed.success.out)
  const first = origins.map((origin) => ({ origin, helper: chainFor(entries, origin)[0] }))
  const without = first.filter(({ helper }) => !isOurs(helper)).map(({ origin }) => origin)
  return without.length === 0
    ? ok(name, `git asks Holdfast for ${origins.join(", ")}`)
    : problem(name, `git does not ask Holdfast first for ${without.join(", ")}`, install)
})
