/** How a credential is doing, on one line; never the secret. */
import type { DateTime } from "effect"
import type { CredentialView } from "../../admin/CredentialView.ts"
import { apart } from "../apart.ts"

export const credentialInWords = (credential: CredentialView, now: DateTime.Utc): string => {
  const { hosts, lastError, nextAskAt, source, state } = credential
  const words = `${hosts.join(", ")}: ${state} (${source})`
  if (lastError === null) return words
  const soon = nextAskAt === null || nextAskAt.epochMilliseconds <= now.epochMilliseconds
  const next = soon ? "next with its next use" : `next with a use in ${apart(nextAskAt, now)}`
  return `${words}: ${lastError.code}, ${lastError.hint}; attempt ${lastError.attempt}, ${next}`
}
