/** The user's own git, asked about its configuration; never a shell. */
import { Effect, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"

export class GitFailed extends Schema.TaggedError<GitFailed>()("GitFailed", {
  args: Schema.Array(Schema.String),
  detail: Schema.String
}) {
  override get message(): string {
    return `git ${this.args.join(" ")}: ${this.detail}`
  }
}

const text = <E>(output: Stream.Stream<Uint8Array, E>) => Stream.mkString(Stream.decodeText(output))

/** What it prints, and its exit code. */
export const run = Effect.fnUntraced(
  function*(args: ReadonlyArray<string>) {
    const { spawn } = yield* ChildProcessSpawner.ChildProcessSpawner
    const child = yield* spawn(ChildProcess.make("git", args, { stdin: "ignore" }))
    const [out, complaint, code] = yield* Effect.all([text(child.stdout), text(child.stderr), child.exitCode], {
      concurrency: "unbounded"
    })
    return { out, complaint: complaint.trim(), code: Number(code) }
  },
  Effect.scoped,
  (self, args) =>
    Effect.mapError(self, ({ reason }) =>
      new GitFailed({
        args,
        detail: reason._tag === "NotFound" ? "git is not installed, or not in PATH" : reason._tag
      }))
)

/** What it prints; fails where it does. */
export const git = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
  const { code, complaint, out } = yield* run(args)
  return code === 0 ? out : yield* new GitFailed({ args, detail: complaint || `exit ${code}` })
})
