import type { CredentialView } from "../../admin/CredentialView.ts"
import { type Check, ok, problem } from "./Check.ts"

/** Whether the source of a credential for git and gh answered when it was last asked; it is not asked for this. */
export const credential = ({ hosts, lastError, name, source, state }: CredentialView): Check => {
  const words = `${hosts.join(", ")}: ${state} (${source})`
  return lastError === null
    ? ok(`credential ${name}`, words)
    : problem(
      `credential ${name}`,
      `${words}: ${lastError.code}, ${lastError.hint}`,
      state === "rejected" ? "renew what is shown to the source" : "look at the source; it is asked with the next use"
    )
}
