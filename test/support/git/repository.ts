/** A real git repository with one commit on `main`, and what is done to it. */
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { childEnvironment } from "../environment.ts"

export interface Repository {
  readonly path: string
  readonly git: (...args: ReadonlyArray<string>) => string
  /** A linked worktree on a new branch; its path. */
  readonly worktree: (branch: string) => string
  /** A commit in a worktree that changes a file of that name. */
  readonly commit: (directory: string, file: string) => void
}

const environment = childEnvironment({
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@example.com",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@example.com"
})

const run = (directory: string, args: ReadonlyArray<string>): string =>
  execFileSync("git", ["-C", directory, ...args], { env: environment, encoding: "utf8", stdio: "pipe" })

export const repository = Effect.acquireRelease(
  Effect.sync((): Repository & { readonly root: string } => {
    const root = realpathSync(mkdtempSync(join(tmpdir(), "holdfast-git-")))
    const path = join(root, "repository")
    run(root, ["init", "-q", "-b", "main", path])
    const commit = (directory: string, file: string) => {
      writeFileSync(join(directory, file), `${file}\n`)
      run(directory, ["add", file])
      run(directory, ["commit", "-q", "-m", file])
    }
    commit(path, "first")
    return {
      root,
      path,
      git: (...args) => run(path, args),
      worktree: (branch) => {
        const directory = join(root, branch)
        run(path, ["worktree", "add", "-q", "-b", branch, directory])
        return directory
      },
      commit
    }
  }),
  ({ root }) => Effect.sync(() => rmSync(root, { recursive: true, force: true }))
)
