/**
 * Asks git about worktrees, branches and merges; never changes anything.
 *
 * A repository may be somebody else's. So no program that it names is run: none for looking at files, for hooks, or to fetch
 * what is missing; and commits are compared where its configuration is not read, since that may name merge drivers and
 * filters. Nothing of Holdfast's is in the environment.
 */
import { Effect, FileSystem, Option, Path, Stream } from "effect"
import { ChildProcess } from "effect/process"

const wary = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]

const withoutOurs = (): Record<string, undefined> =>
  Object.fromEntries(
    Object.keys(process.env).filter((name) => name.startsWith("HOLDFAST_")).map((name) => [name, undefined])
  )

type Variables = Readonly<Record<string, string>>

const run = (args: ReadonlyArray<string>, variables: Variables = {}) =>
  Effect.gen(function*() {
    const handle = yield* ChildProcess.make("git", [...wary, ...args], {
      env: {
        ...withoutOurs(),
        // A question must not take the locks that the agent's own git needs.
        GIT_OPTIONAL_LOCKS: "0",
        // What a partial clone lacks would be fetched by a program of the repository's choice.
        GIT_NO_LAZY_FETCH: "1",
        GIT_ALLOW_PROTOCOL: "",
        LC_ALL: "C",
        ...variables
      },
      extendEnv: true,
      stdin: "ignore",
      stderr: "ignore"
    })
    const text = yield* Stream.mkString(Stream.decodeText(handle.stdout))
    return Number(yield* handle.exitCode) === 0 ? Option.some(text.replace(/\n$/, "")) : Option.none<string>()
  }).pipe(Effect.scoped, Effect.orElseSucceed(() => Option.none<string>()))

/** What git prints, without the line's end; `None` where it fails, or there is no git. */
export const git = (directory: string, ...args: ReadonlyArray<string>) => run(["-C", directory, ...args])

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

/**
 * A repository of our own, empty, for as long as the scope is open: it has all commits of the other one and nothing of its
 * configuration or attributes. What a comparison writes goes with it.
 */
const besides = Effect.fnUntraced(function*(commonDirectory: string, commit: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const own = yield* fs.makeTempDirectoryScoped({ prefix: "holdfast-compare-" })
  yield* fs.makeDirectory(path.join(own, "objects"))
  yield* fs.makeDirectory(path.join(own, "refs"))
  yield* fs.writeFileString(path.join(own, "HEAD"), "ref: refs/heads/none\n")
  const isSha256 = commit.length === 64
  yield* fs.writeFileString(
    path.join(own, "config"),
    isSha256 ? "[core]\nrepositoryformatversion = 1\n[extensions]\nobjectformat = sha256\n" : ""
  )
  const shallow = path.join(commonDirectory, "shallow")
  const isShallow = yield* fs.exists(shallow)
  const variables: Variables = {
    GIT_DIR: own,
    GIT_OBJECT_DIRECTORY: path.join(own, "objects"),
    // Quoted, since a colon would end it (git(1)).
    GIT_ALTERNATE_OBJECT_DIRECTORIES: JSON.stringify(path.join(commonDirectory, "objects")),
    ...(isShallow ? { GIT_SHALLOW_FILE: shallow } : {})
  }
  return (...args: ReadonlyArray<string>) => run(args, variables)
})

type Ask = Effect.Success<ReturnType<typeof besides>>

const holds = (ask: Ask, base: string, commit: string) =>
  Effect.map(ask("merge-base", "--is-ancestor", commit, base), Option.isSome)

/** A merge of the commit would change nothing: all of it is there. */
const holdsSquashed = Effect.fnUntraced(function*(ask: Ask, base: string, commit: string) {
  const merged = yield* ask("merge-tree", "--write-tree", base, commit)
  const present = yield* ask("rev-parse", `${base}^{tree}`)
  return Option.isSome(merged) && Option.isSome(present) && merged.value === present.value
})

/** Whether none of the bases has the commit as it is; `commonDirectory` is the repository's, as of its worktrees. */
export const isAhead = (commonDirectory: string, bases: ReadonlyArray<string>, commit: string) =>
  besides(commonDirectory, commit).pipe(
    Effect.flatMap((ask) => Effect.forEach(bases, (base) => holds(ask, base, commit))),
    Effect.map((held) => !held.includes(true)),
    Effect.orElseSucceed(() => true),
    Effect.scoped
  )

export const isMerged = (commonDirectory: string, bases: ReadonlyArray<string>, commit: string) =>
  besides(commonDirectory, commit).pipe(
    Effect.flatMap((ask) =>
      Effect.forEach(bases, (base) =>
        Effect.flatMap(
          holds(ask, base, commit),
          (held) => held ? Effect.succeed(true) : holdsSquashed(ask, base, commit)
        ))
    ),
    Effect.map((held) => held.includes(true)),
    Effect.orElseSucceed(() => false),
    Effect.scoped
  )
