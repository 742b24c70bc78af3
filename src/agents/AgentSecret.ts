/** The local secrets that agents show: how they are minted, hashed, and where the default agent's comes from. */
import { Config, Effect, Option, Redacted, Schema } from "effect"
import { createHash, randomBytes } from "node:crypto"
import { DataDirectory } from "../storage/DataDirectory.ts"

const variable = "HOLDFAST_AGENT_SECRET"
const fileName = "agent-secret"
const minLength = 16

export class AgentSecretTooShort extends Schema.TaggedError<AgentSecretTooShort>()("AgentSecretTooShort", {
  from: Schema.String
}) {
  override get message(): string {
    return `the agent secret in ${this.from} is shorter than ${minLength} characters: use a longer one, such as the output `
      + `of "openssl rand -base64 32", or remove it to have one minted`
  }
}

/** 32 random bytes, base64url. */
export const mint = Effect.sync(() => Redacted.make(randomBytes(32).toString("base64url")))

/** SHA-256: the secrets are random and long, which is what a slow hash would make up for. */
export const digestOf = (secret: string): Uint8Array => createHash("sha256").update(secret).digest()

const checked = (from: string, secret: string) =>
  secret.length < minLength
    ? Effect.fail(new AgentSecretTooShort({ from }))
    : Effect.succeed(Redacted.make(secret))

/** The environment's, which is written nowhere; else that of `<data-dir>/agent-secret`, minted at the first start. */
export const ofDefaultAgent = Effect.gen(function*() {
  const override = yield* Config.Redacted(variable).pipe(Config.option, Effect.orElseSucceed(Option.none))
  if (Option.isSome(override) && Redacted.value(override.value) !== "") {
    return yield* checked(variable, Redacted.value(override.value))
  }
  const directory = yield* DataDirectory
  const saved = yield* directory.readSecretFile(fileName)
  if (Option.isSome(saved)) return yield* checked(directory.file(fileName), saved.value)
  const minted = yield* mint
  yield* directory.writeAtomically(fileName, `${Redacted.value(minted)}\n`)
  return minted
})
