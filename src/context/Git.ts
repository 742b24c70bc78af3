/** Git, as far as contexts need it: asked, never told to change anything. */
import { Effect, Option, Stream } from "effect"
import { ChildProcess } from "effect/process"

/** What git prints, without the line's end; `None` where it fails, or there is no git. */
export const git = (directory: string, ...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const handle = yield* ChildProcess.make("git", ["-C", directory, ...args], {
      // Looking must not take the locks that the agent's own git needs.
      env: { GIT_OPTIONAL_LOCKS: "0", LC_ALL: "C" },
      extendEnv: true,
      stdin: "ignore",
      stderr: "ignore"
    })
    const text = yield* Stream.mkString(Stream.decodeText(handle.stdout))
    return Number(yield* handle.exitCode) === 0 ? Option.some(text.replace(/\n$/, "")) : Option.none<string>()
  }).pipe(Effect.scoped, Effect.orElseSucceed(() => Option.none<string>()))

export const succeeds = (directory: string, ...args: ReadonlyArray<string>) =>
  Effect.map(git(directory, ...args), Option.isSome)
