import { type DateTime, Effect } from "effect"
import { Argument, Command } from "effect/cli"
import type { CredentialView } from "../../admin/CredentialView.ts"
import { formatAge } from "../print.ts"
import { erase, explain, get, store } from "./helper.ts"
import { install, uninstall } from "./install.ts"

/** One line about a credential's state, without the secret. */
export const formatCredential = (credential: CredentialView, now: DateTime.Utc): string => {
  const { hosts, lastError, nextAskAt, source, state } = credential
  const line = `${hosts.join(", ")}: ${state} (${source})`
  if (lastError === null) return line
  const soon = nextAskAt === null || nextAskAt.epochMilliseconds <= now.epochMilliseconds
  const next = soon ? "next with its next use" : `next with a use in ${formatAge(nextAskAt, now)}`
  return `${line}: ${lastError.code}, ${lastError.hint}; attempt ${lastError.attempt}, ${next}`
}

export const credential = Command.make(
  "credential",
  { operation: Argument.String("operation").pipe(Argument.variadic()) },
  // What later versions of git may ask for is no error (gitcredentials(7)).
  ({ operation }) => Effect.asVoid(explain(`"${operation.join(" ")}" is no operation of ours`))
).pipe(
  Command.withDescription("A git credential helper for the hosts that the settings name"),
  Command.withExamples([
    { command: "holdfast credential install", description: "Make git ask Holdfast for the configured hosts" }
  ]),
  Command.withSubcommands([get, store, erase, install, uninstall])
)
