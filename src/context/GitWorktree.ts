/** Where a directory stands in git: its worktree, whether that is a linked one, and the branch that is out there. */
import { Effect, Option } from "effect"
import { git } from "./Git.ts"

export interface GitWorktree {
  /** Its top level, absolute. */
  readonly path: string
  /** `None` while HEAD is detached, as in the middle of a rebase. */
  readonly branch: Option.Option<string>
  /** Added by `git worktree add`, not the repository's own. */
  readonly linked: boolean
  /** What all worktrees of the repository share; outlives each of them. */
  readonly commonDirectory: string
}

/** `None` outside of a worktree, and where there is no git. */
export const worktreeAt = Effect.fn("GitWorktree.worktreeAt")(function*(directory: string) {
  const places = yield* git(
    directory,
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
