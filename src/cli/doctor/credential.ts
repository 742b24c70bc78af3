import type { DateTime } from "effect"
import type { CredentialView } from "../../admin/CredentialView.ts"
import { formatCredential } from "../credential/credential.ts"
import { type Check, ok, problem } from "./Check.ts"

/** Whether the source of a credential for git and gh answered when it was last asked; it is not asked for this. */
export const credential = (view: CredentialView, now: DateTime.Utc): Check => {
  const name = `credential ${view.name}`
  const words = formatCredential(view, now)
  if (view.lastError === null) return ok(name, words)
  return problem(name, words, view.state === "rejected" ? "renew what is shown to the source" : "look at the source")
}
