/** What real git does to a worktree moves the context of the agent that is attached to it. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { execFileSync } from "node:child_process"
import { Settings, settingsFrom } from "../../../src/config/Settings.ts"
import type { ContextState } from "../../../src/context/ContextState.ts"
import { WorkspaceContexts } from "../../../src/context/WorkspaceContexts.ts"
import * as WorktreeWatch from "../../../src/context/WorktreeWatch.ts"
import { AgentName, defaultAgent } from "../../../src/domain/Ids.ts"
import * as Database from "../../../src/storage/Database.ts"
import { DataDirectory } from "../../../src/storage/DataDirectory.ts"
import { Supervisor } from "../../../src/supervision/Supervisor.ts"
import { eventually } from "../../support/eventually.ts"
import { type Repository, repository } from "../../support/git/repository.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const look = "50 millis"
/** Long enough for the watch to have looked. */
const looked = Effect.sleep("400 millis")

/** A daemon's life on the directory, for as long as the scope is open. */
const life = (directory: string, settings: Parameters<typeof settingsFrom>[0] = {}) =>
  Layer.build(WorktreeWatch.layer.pipe(
    Layer.provideMerge(WorkspaceContexts.layer),
    Layer.provideMerge(Database.layer),
    Layer.provide(DataDirectory.layerAt(directory)),
    Layer.provide(Supervisor.layer),
    Layer.provide(Layer.succeed(Settings, settingsFrom({ context: { git: { pollInterval: look } }, ...settings })))
  ))

const setup = Effect.fnUntraced(function*(settings: Parameters<typeof settingsFrom>[0] = {}) {
  const contexts = Context.get(yield* life(yield* temporaryDirectory, settings), WorkspaceContexts)
  const state = contexts.get(defaultAgent)
  const repo = yield* repository
  const path = repo.worktree("feature")
  yield* contexts.send(defaultAgent, { _tag: "Attach", path, branch: "feature" }, { cause: "cli" })
  yield* looked
  const becomes = (phase: string) => eventually(phase, state, (now) => now._tag === "Worktree" && now.phase === phase)
  return { contexts, state, repo, path, becomes }
})

const merges: ReadonlyArray<readonly [string, (repo: Repository) => void]> = [
  ["a merge commit", (repo) => repo.git("merge", "-q", "--no-ff", "-m", "merge", "feature")],
  ["a fast-forward", (repo) => repo.git("merge", "-q", "--ff-only", "feature")],
  ["a squash", (repo) => {
    repo.git("merge", "-q", "--squash", "feature")
    repo.git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "squashed")
  }]
]

describe("WorktreeWatch", () => {
  it.live.each(merges)("%s into the base branch is a Merge", ([, merge]) =>
    Effect.gen(function*() {
      const { becomes, contexts, path, repo } = yield* setup()
      repo.commit(path, "work")
      yield* looked
      merge(repo)
      yield* becomes("Merged")
      assert.strictEqual((yield* contexts.history(defaultAgent, 1))[0]?.cause, "git")
    }))

  it.live("a branch without anything of its own is not merged, however the base branch moves", () =>
    Effect.gen(function*() {
      const { path, repo, state } = yield* setup()
      repo.commit(repo.path, "elsewhere")
      yield* looked
      execFileSync("git", ["-C", path, "merge", "-q", "--ff-only", "main"])
      yield* looked
      const now = yield* state
      assert.strictEqual(now._tag === "Worktree" ? now.phase : now._tag, "Active")
    }))

  it.live("a branch that throws its work away is not merged", () =>
    Effect.gen(function*() {
      const { path, repo, state } = yield* setup()
      repo.commit(path, "work")
      yield* looked
      execFileSync("git", ["-C", path, "reset", "-q", "--hard", "main"])
      yield* looked
      const now = yield* state
      assert.strictEqual(now._tag === "Worktree" ? now.phase : now._tag, "Active")
    }))

  it.live("another branch in the worktree is other work: Active again, of a new epoch", () =>
    Effect.gen(function*() {
      const { becomes, contexts, path, state } = yield* setup()
      yield* contexts.send(defaultAgent, { _tag: "MarkReady" }, { cause: "cli" })
      execFileSync("git", ["-C", path, "switch", "-q", "-c", "other"])
      yield* becomes("Active")
      assert.deepStrictEqual(yield* state, { _tag: "Worktree", path, branch: "other", epoch: 2, phase: "Active" })
    }))

  it.live("a HEAD that is detached for a while, as by a rebase, is not another branch", () =>
    Effect.gen(function*() {
      const { path, state } = yield* setup()
      execFileSync("git", ["-C", path, "checkout", "-q", "--detach"])
      yield* looked
      assert.deepStrictEqual(yield* state, { _tag: "Worktree", path, branch: "feature", epoch: 1, phase: "Active" })
    }))

  it.live("a worktree that is removed is released", () =>
    Effect.gen(function*() {
      const { becomes, path, repo } = yield* setup()
      repo.git("worktree", "remove", path)
      yield* becomes("Released")
    }))

  it.live("one that is merged and removed between two looks was merged", () =>
    Effect.gen(function*() {
      const { becomes, path, repo } = yield* setup({ context: { git: { pollInterval: "1 second" } } })
      repo.commit(path, "work")
      yield* Effect.sleep("1500 millis")
      repo.git("merge", "-q", "--no-ff", "-m", "merge", "feature")
      repo.git("worktree", "remove", path)
      repo.git("branch", "-q", "-d", "feature")
      yield* becomes("Merged")
    }))

  it.live("a path that never was a worktree is left alone", () =>
    Effect.gen(function*() {
      const { contexts, state } = yield* setup()
      yield* contexts.send(defaultAgent, { _tag: "Detach" }, { cause: "cli" })
      yield* contexts.send(defaultAgent, { _tag: "Attach", path: "/no/such/place", branch: "b" }, { cause: "cli" })
      yield* looked
      const now = yield* state
      assert.strictEqual(now._tag === "Worktree" ? now.phase : now._tag, "Active")
    }))

  it.live("what git does while the daemon is down is seen at its next start", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const repo = yield* repository
      const [switches, merges, removes] = ["switches", "merges", "removes"].map((name) => ({
        agent: AgentName.make(name),
        branch: name,
        path: repo.worktree(name)
      }))
      assert.isDefined(switches)
      assert.isDefined(merges)
      assert.isDefined(removes)
      yield* Effect.scoped(Effect.gen(function*() {
        const daemon = yield* life(directory)
        const contexts = Context.get(daemon, WorkspaceContexts)
        for (const { agent, branch, path } of [switches, merges, removes]) {
          repo.commit(path, branch)
          yield* contexts.send(agent, { _tag: "Attach", path, branch }, { cause: "cli" })
        }
        const sql = Context.get(daemon, SqlClient.SqlClient)
        yield* eventually("all are seen", sql`SELECT agent FROM worktrees_seen WHERE ahead IS NOT NULL`, (rows) =>
          rows.length === 3)
      }))

      execFileSync("git", ["-C", switches.path, "switch", "-q", "-c", "other"])
      repo.git("merge", "-q", "--ff-only", merges.branch)
      repo.git("worktree", "remove", merges.path)
      repo.git("branch", "-q", "-d", merges.branch)
      repo.git("worktree", "remove", removes.path)

      const contexts = Context.get(yield* life(directory), WorkspaceContexts)
      const becomes = (agent: AgentName, good: (state: ContextState) => boolean) =>
        eventually(agent, contexts.get(agent), good)
      yield* becomes(merges.agent, (now) =>
        now._tag === "Worktree" && now.phase === "Merged")
      yield* becomes(removes.agent, (now) =>
        now._tag === "Worktree" && now.phase === "Released")
      yield* becomes(switches.agent, (now) => now._tag === "Worktree" && now.branch === "other" && now.epoch === 2)
    }))

  it.live("each can be turned off", () =>
    Effect.gen(function*() {
      const git = { pollInterval: look, branch: false, merge: false, removal: true }
      const { becomes, path, repo, state } = yield* setup({ context: { git } })
      repo.commit(path, "work")
      yield* looked
      repo.git("merge", "-q", "--no-ff", "-m", "merge", "feature")
      execFileSync("git", ["-C", path, "switch", "-q", "-c", "other"])
      yield* looked
      assert.deepStrictEqual(yield* state, { _tag: "Worktree", path, branch: "feature", epoch: 1, phase: "Active" })
      repo.git("worktree", "remove", path)
      yield* becomes("Released")
    }))
})
