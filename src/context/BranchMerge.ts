/** Whether what a branch had of its own has come into the base branch: by a merge, or squashed into another commit. */
import { Effect, Option } from "effect"
import { git, succeeds } from "./Git.ts"

/** The base branch here and at the origin: the one that is named, else the origin's default, else `main` or `master`. */
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

/** Merging the commit would change nothing: all that it had is there. */
const holdsSquashed = Effect.fnUntraced(function*(directory: string, base: string, commit: string) {
  const merged = yield* git(directory, "merge-tree", "--write-tree", base, commit)
  const present = yield* git(directory, "rev-parse", `${base}^{tree}`)
  return Option.isSome(merged) && Option.isSome(present) && merged.value === present.value
})

/** Whether the commit is in none of the bases as it is. */
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
