/**
 * A command that prints a token, or JSON with `token`, `expiresAt` and `scopes`; run by the shell, anew with each ask.
 *
 * Its standard error is shown to the operator, never to an agent. One that takes too long is killed.
 */
import { Effect, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import * as rotation from "../rotation.ts"
import { shown } from "./SourceProblem.ts"
import * as TokenAnswer from "./TokenAnswer.ts"
import { type IssuedToken, type TokenSource, TokenSourceFailed } from "./TokenSource.ts"

const outputBytes = 1024 * 1024

const failed = (code: string, hint: string) => new TokenSourceFailed({ code, hint, retryable: true })

/** Reads to the end, so that the command never waits for us; keeps what the bound allows. */
const collect = <E>(output: Stream.Stream<Uint8Array, E>) => {
  let bytes = 0
  return output.pipe(
    Stream.filter((chunk) => (bytes += chunk.length) <= outputBytes),
    Stream.decodeText(),
    Stream.mkString
  )
}

const name = "command"

/** Settings and secrets of the daemon's own are no business of the command's. */
const withoutOurs = Object.fromEntries(
  Object.keys(process.env).filter((name) => name.startsWith("HOLDFAST_")).map((name) => [name, undefined])
)

export const make = (command: string, agent: string) =>
  Effect.gen(function*() {
    const { spawn } = yield* ChildProcessSpawner.ChildProcessSpawner

    const fetch: Effect.Effect<IssuedToken, TokenSourceFailed> = Effect.gen(function*() {
      const child = yield* spawn(ChildProcess.make(command, {
        shell: true,
        stdin: "ignore",
        env: { ...withoutOurs, HOLDFAST_AGENT: agent },
        extendEnv: true,
        killSignal: "SIGKILL"
      }))
      const [out, complaint, code] = yield* Effect.all([collect(child.stdout), collect(child.stderr), child.exitCode], {
        concurrency: "unbounded"
      })
      return { out, complaint, code }
    }).pipe(
      Effect.scoped,
      Effect.mapError(({ reason }) => failed("not started", `the token command cannot be run: ${reason._tag}`)),
      Effect.timeoutOrElse({
        duration: rotation.sourceTimeout,
        orElse: () => Effect.fail(failed("timeout", "the token command took too long, and was stopped"))
      }),
      Effect.flatMap(({ code, complaint, out }) =>
        Effect.gen(function*() {
          const issued = yield* Effect.result(TokenAnswer.read(out, { source: name, bare: true }))
          if (code === 0 && issued._tag === "Success") return issued.success
          const words = withoutTokens(shown(complaint, [out.trim()]))
          if (code !== 0) return yield* failed(`exit ${code}`, words || "the token command failed without a word")
          const why = issued._tag === "Failure" ? issued.failure.hint : ""
          return yield* failed("no token", `the token command: ${words || why}`)
        })
      )
    )
    return { name, fetch, changes: Stream.empty } satisfies TokenSource
  })

/** A shell that traces its commands prints what they were given: nothing that looks like a token is shown. */
const withoutTokens = (text: string): string =>
  text.replaceAll(/[\w.~+=-]{16,}/g, (word) => /\d/.test(word) && /[a-z]/i.test(word) ? "…" : word)
