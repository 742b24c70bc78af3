/**
 * Asks git about worktrees, branches and merges; never changes anything.
 *
 * A repository may be somebody else's. So no program that it names for looking at files or for hooks is run, and nothing of
 * Holdfast's is in the environment.
 */
import { Effect, Option, Stream } from "effect"
import { ChildProcess } from "effect/process"

const wary = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]

const withoutOurs = (): Record<string, undefined> =>
  Object.fromEntries(
    Object.keys(process.env).filter((name) => name.startsWith("HOLDFAST_")).map((name) => [name, undefined])
  )

/** What git prints, without the line's end; `None` where it fails, or there is no git. */
export const git = (directory: string, ...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const handle = yield* ChildProcess.make("git", [...wary, "-C", directory, ...args], {
      // A question must not take the locks that the agent's own git needs.
      env: { ...withoutOurs(), GIT_OPTIONAL_LOCKS: "0", LC_ALL: "C" },
      extendEnv: true,
      stdin: "ignore",
      stderr: "ignore"
    })
    const text = yield* Stream.mkString(Stream.decodeText(handle.stdout))
    return Number(yield* handle.exitCode) === 0 ? Option.some(text.replace(/\n$/, "")) : Option.none<string>()
  }).pipe(Effect.scoped, Effect.orElseSucceed(() => Option.none<string>()))

export const succeeds = (directory: string, ...args: ReadonlyArray<string>) =>
  Effect.map(git(directory, ...args), Option.isSome)

/** A directory's worktree, whether git added it as a linked one, and the branch that is checked out. */
export interface GitWorktree {
  /** Its top level, absolute. */
  readonly path: string
  /** `None` while HEAD is detached, as in the middle of a rebase. */
  readonly branch: Option.Option<string>
  /** Added by `git worktree add`, not the repository's own. */
  readonly linked: boolean
  /** All worktrees of the repository share this directory; it outlives each of them. */
  readonly commonDirectory: string
}

/** `None` outside of a worktree, and where there is no git. */
export const worktreeAt = Effect.fn("GitWorktree.worktreeAt")(function*(directory: string) {
  const places = yield* git(
    directory,
    // A checkout may bring a bare repository along, with settings of its own.
    "-c",
    "safe.bareRepository=explicit",
    "rev-parse",
    "--path-format=absolute",
    "--show-toplevel",
    "--git-dir",
    "--git-common-dir"
  )
  const [path, own, common] = Option.getOrElse(places, () => "").split("\n")
  if (path === undefined || own === undefined || common === undefined) return Option.none<GitWorktree>()
  const branch = yield* git(directory, "symbolic-ref", "--quiet", "--short", "HEAD")
  return Option.some<GitWorktree>({ path, branch, linked: own !== common, commonDirectory: common })
})

// Whether the base branch has all that a branch had of its own: by a merge, or squashed into another commit.

/** Finds the base branch, here and at the origin: the named one, else the origin's default, else `main` or `master`. */
export const basesOf = Effect.fnUntraced(function*(directory: string, named: string | undefined) {
  const atOrigin = yield* git(directory, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
  const names = named !== undefined
    ? [named]
    : Option.match(atOrigin, { onNone: () => ["main", "master"], onSome: (ref) => [ref.replace(/^origin\//, "")] })
  const refs = yield* git(
    directory,
    "for-each-ref",
    "--format=%(refname) %(objectname)",
    ...names.flatMap((name) => [`refs/heads/${name}`, `refs/remotes/origin/${name}`])
  )
  return Option.getOrElse(refs, () => "").split("\n").filter((line) => line !== "").map((line) => {
    const [ref = "", commit = ""] = line.split(" ")
    return { ref, commit }
  })
})

const holds = (directory: string, base: string, commit: string) =>
  succeeds(directory, "merge-base", "--is-ancestor", commit, base)

/** A merge of the commit would change nothing: all of it is there. */
const holdsSquashed = Effect.fnUntraced(function*(directory: string, base: string, commit: string) {
  const merged = yield* git(directory, "merge-tree", "--write-tree", base, commit)
  const present = yield* git(directory, "rev-parse", `${base}^{tree}`)
  return Option.isSome(merged) && Option.isSome(present) && merged.value === present.value
})

/** Whether none of the bases has the commit as it is. */
export const isAhead = (directory: string, bases: ReadonlyArray<string>, commit: string) =>
  Effect.map(Effect.forEach(bases, (base) => holds(directory, base, commit)), (held) => !held.includes(true))

export const isMerged = (directory: string, bases: ReadonlyArray<string>, commit: string) =>
  Effect.map(
    Effect.forEach(bases, (base) =>
      Effect.flatMap(
        holds(directory, base, commit),
        (held) => held ? Effect.succeed(true) : holdsSquashed(directory, base, commit)
      )),
    (held) => held.includes(true)
  )
