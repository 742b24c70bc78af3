import { DateTime, Effect, Option, Redacted } from "effect"
import { Command } from "effect/cli"
import * as GitCredential from "../../credentials/GitCredential.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { explain } from "./explain.ts"
import { gitInput } from "./gitInput.ts"
import { quietly } from "./quietly.ts"

const answer = Effect.gen(function*() {
  const { host, protocol, username } = yield* gitInput
  if (host === undefined || protocol === undefined) return yield* explain("git names no host: nothing to say")
  yield* explain(`git asks for ${protocol}://${host}${username === undefined ? "" : ` as ${username}`}`)
  const daemon = yield* DaemonClient
  const found = yield* daemon.ask((client) => client.credential.get({ payload: { protocol, host, username } }))
  const text = GitCredential.format({
    protocol,
    host,
    username: found.username,
    password: Redacted.value(found.password),
    expiresAt: Option.map(Option.fromNullOr(found.expiresAt), DateTime.toEpochMillis)
  })
  if (Option.isNone(text)) return yield* explain("the credential holds what git's protocol cannot carry")
  const ends = found.expiresAt === null ? "with no known end" : `until ${DateTime.formatIso(found.expiresAt)}`
  yield* explain(`credential "${found.name}" answers, as ${found.username}, ${ends}`)
  yield* Effect.callback<void>((resume) => {
    process.stdout.write(text.value, () => resume(Effect.void))
  })
})

export const get = Command.make("get", {}, () => quietly(answer)).pipe(
  Command.withDescription("For git: the credential of a configured host, or nothing")
)
