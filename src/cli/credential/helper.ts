/** What git runs as its credential helper: `get`, `store` and `erase`, with git's request on standard input. */
import { Cause, Console, DateTime, Effect, type FileSystem, Layer, Option, type Path, Redacted } from "effect"
import { Command } from "effect/cli"
import * as GitCredential from "../../credentials/GitCredential.ts"
import { dataDirectory } from "../configuration.ts"
import { DaemonClient } from "../DaemonClient.ts"

const debugging = (env: Readonly<Record<string, string | undefined>>): boolean =>
  env["GH_CREDENTIAL_DEBUG"] === "1" || (env["HOLDFAST_DEBUG"] ?? "").split(",").includes("credential")

/** Prints a step on standard error, where `HOLDFAST_DEBUG=credential` or `GH_CREDENTIAL_DEBUG=1` asks for it. */
export const explain = (step: string): Effect.Effect<void> =>
  Effect.suspend(() => debugging(process.env) ? Console.error(`holdfast credential: ${step}`) : Effect.void)

/** Git writes up to an empty line, or to the end of the input. */
const readInput = Effect.promise(async () => {
  let text = ""
  for await (const chunk of process.stdin) {
    text += String(chunk)
    if (/\r?\n\r?\n/.test(text)) break
  }
  process.stdin.destroy()
  return text
})

const gitInput = Effect.map(readInput, GitCredential.parse)

/** Git waits for the helper; the helper ends within this time of its start, in milliseconds. */
const timeout = 4800
const minTimeout = 500

const timeLeft = Effect.sync(() => Math.max(timeout - performance.now(), minTimeout))

const daemon = Layer.unwrap(Effect.map(dataDirectory, DaemonClient.layer))

/** Whatever fails, the helper prints nothing and exits with 0, so that git goes on to its next helper. */
const failSilently = <A, E, R>(helper: Effect.Effect<A, E, R | DaemonClient | FileSystem.FileSystem | Path.Path>) =>
  Effect.gen(function*() {
    const done = yield* helper.pipe(Effect.provide(daemon), Effect.timeoutOption(yield* timeLeft))
    if (Option.isNone(done)) yield* explain("no answer in time; git goes on without us")
  }).pipe(
    Effect.catchCause((cause) => explain(`no answer: ${Cause.prettyErrors(cause).map(({ message }) => message)}`))
  )

const answer = Effect.gen(function*() {
  const { host, protocol, username } = yield* gitInput
  if (host === undefined || protocol === undefined) return yield* explain("git names no host")
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

const forget = Effect.gen(function*() {
  const { host, password, protocol, username } = yield* gitInput
  if (host === undefined || protocol === undefined) return
  yield* explain(`${protocol}://${host} refused it: the next get asks for another`)
  const daemon = yield* DaemonClient
  yield* daemon.ask((client) => client.credential.erase({ payload: { protocol, host, username, password } }))
})

/** Reads git's input, or git would see a broken pipe. */
const ignore = Effect.andThen(gitInput, explain("nothing is stored: a short-lived secret is fetched again"))

export const get = Command.make("get", {}, () => failSilently(answer)).pipe(
  Command.withDescription("For git: print the credential of a configured host, or nothing"),
  Command.withExamples([{
    command: "printf 'protocol=https\\nhost=github.com\\n\\n' | HOLDFAST_DEBUG=credential holdfast credential get",
    description: "Ask as git does, and show each step"
  }])
)

export const store = Command.make("store", {}, () => failSilently(ignore)).pipe(
  Command.withDescription("For git: nothing is stored"),
  Command.withExamples([{ command: "holdfast credential store", description: "Git runs this after a success" }])
)

export const erase = Command.make("erase", {}, () => failSilently(forget)).pipe(
  Command.withDescription("For git: a refused credential is not given out again"),
  Command.withExamples([{ command: "holdfast credential erase", description: "Git runs this after a refusal" }])
)
