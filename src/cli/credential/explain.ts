/** Says each step on standard error, where `HOLDFAST_DEBUG=credential` or `GH_CREDENTIAL_DEBUG=1` asks for it. */
import { Console, Effect } from "effect"

const asked = (env: Readonly<Record<string, string | undefined>>): boolean =>
  env["GH_CREDENTIAL_DEBUG"] === "1" || (env["HOLDFAST_DEBUG"] ?? "").split(",").includes("credential")

export const explain = (step: string): Effect.Effect<void> =>
  Effect.suspend(() => asked(process.env) ? Console.error(`holdfast credential: ${step}`) : Effect.void)
