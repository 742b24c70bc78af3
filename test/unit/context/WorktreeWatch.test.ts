/** What real git does to a worktree moves the context of the agent that is attached to it. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Layer, Queue } from "effect"
import { execFileSync } from "node:child_process"
import { Settings, settingsFrom } from "../../../src/config/Settings.ts"
import { WorkspaceContexts } from "../../../src/context/WorkspaceContexts.ts"
import * as WorktreeWatch from "../../../src/context/WorktreeWatch.ts"
import { AgentName, defaultAgent } from "../../../src/domain/Ids.ts"
import * as Database from "../../../src/storage/Database.ts"
import { DataDirectory } from "../../../src/storage/DataDirectory.ts"
import * as HostServices from "../../../src/storage/HostServices.ts"
import { Supervisor } from "../../../src/supervision/Supervisor.ts"
import { type Repository, repository } from "../../support/git/repository.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

type GitSettings = NonNullable<NonNullable<Parameters<typeof settingsFrom>[0]>["context"]>["git"]

/**
 * A daemon's life on the directory, for as long as the scope is open. Its watch looks when it is told to; `look` is done
 * once that look has ended.
 */
const life = Effect.fnUntraced(function*(directory: string, git: GitSettings = {}) {
  const asked = yield* Queue.unbounded<Deferred.Deferred<void>>()
  let looking: Deferred.Deferred<void> | undefined
  // Each look begins with the list of worktrees.
  const onDemand = Layer.effect(
    WorkspaceContexts,
    Effect.map(WorkspaceContexts, (contexts) => ({
      ...contexts,
      open: Effect.gen(function*() {
        if (looking !== undefined) yield* Deferred.succeed(looking, undefined)
        looking = yield* Queue.take(asked)
        return yield* contexts.open
      })
    }))
  )
  const services = yield* Layer.build(WorktreeWatch.layerNoDeps.pipe(
    Layer.provide([HostServices.layer, onDemand]),
    Layer.provideMerge(WorkspaceContexts.layer),
    Layer.provideMerge(Database.layer),
    Layer.provide(DataDirectory.layerAt(directory)),
    Layer.provide(Supervisor.layer),
    Layer.provide(Layer.succeed(Settings, settingsFrom({ context: { git: { pollInterval: "1 millis", ...git } } })))
  ))
  const look = Effect.gen(function*() {
    const ended = yield* Deferred.make<void>()
    yield* Queue.offer(asked, ended)
    yield* Deferred.await(ended)
  })
  return { contexts: Context.get(services, WorkspaceContexts), look }
})

const setup = Effect.fnUntraced(function*(git: GitSettings = {}) {
  const { contexts, look } = yield* life(yield* temporaryDirectory, git)
  const state = contexts.get(defaultAgent)
  const repo = yield* repository
  const path = repo.worktree("feature")
  yield* contexts.send(defaultAgent, { _tag: "Attach", path, branch: "feature" }, { cause: "cli" })
  yield* look
  const phase = Effect.map(state, (now) => now._tag === "Worktree" ? now.phase : now._tag)
  return { contexts, state, phase, repo, path, look }
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
      const { contexts, look, path, phase, repo } = yield* setup()
      repo.commit(path, "work")
      yield* look
      merge(repo)
      yield* look
      assert.strictEqual(yield* phase, "Merged")
      assert.strictEqual((yield* contexts.history(defaultAgent, 1))[0]?.cause, "git")
    }))

  it.live("a branch without anything of its own is not merged, however the base branch moves", () =>
    Effect.gen(function*() {
      const { look, path, phase, repo } = yield* setup()
      repo.commit(repo.path, "elsewhere")
      yield* look
      execFileSync("git", ["-C", path, "merge", "-q", "--ff-only", "main"])
      yield* look
      assert.strictEqual(yield* phase, "Active")
    }))

  it.live("a branch that throws its work away is not merged", () =>
    Effect.gen(function*() {
      const { look, path, phase, repo } = yield* setup()
      repo.commit(path, "work")
      yield* look
      execFileSync("git", ["-C", path, "reset", "-q", "--hard", "main"])
      yield* look
      assert.strictEqual(yield* phase, "Active")
    }))

  it.live("another branch in the worktree is other work: Active again, of a new epoch", () =>
    Effect.gen(function*() {
      const { contexts, look, path, state } = yield* setup()
      yield* contexts.send(defaultAgent, { _tag: "MarkReady" }, { cause: "cli" })
      execFileSync("git", ["-C", path, "switch", "-q", "-c", "other"])
      yield* look
      assert.deepStrictEqual(yield* state, { _tag: "Worktree", path, branch: "other", epoch: 2, phase: "Active" })
    }))

  it.live("a HEAD that is detached for a while, as by a rebase, is not another branch", () =>
    Effect.gen(function*() {
      const { look, path, state } = yield* setup()
      execFileSync("git", ["-C", path, "checkout", "-q", "--detach"])
      yield* look
      assert.deepStrictEqual(yield* state, { _tag: "Worktree", path, branch: "feature", epoch: 1, phase: "Active" })
    }))

  it.live("a worktree that is removed is released", () =>
    Effect.gen(function*() {
      const { look, path, phase, repo } = yield* setup()
      repo.git("worktree", "remove", path)
      yield* look
      assert.strictEqual(yield* phase, "Released")
    }))

  it.live("one that is merged and removed between two looks was merged", () =>
    Effect.gen(function*() {
      const { look, path, phase, repo } = yield* setup()
      repo.commit(path, "work")
      yield* look
      repo.git("merge", "-q", "--no-ff", "-m", "merge", "feature")
      repo.git("worktree", "remove", path)
      repo.git("branch", "-q", "-d", "feature")
      yield* look
      assert.strictEqual(yield* phase, "Merged")
    }))

  it.live("a path that never was a worktree is left alone", () =>
    Effect.gen(function*() {
      const { contexts, look, phase } = yield* setup()
      yield* contexts.send(defaultAgent, { _tag: "Detach" }, { cause: "cli" })
      yield* contexts.send(defaultAgent, { _tag: "Attach", path: "/no/such/place", branch: "b" }, { cause: "cli" })
      yield* look
      assert.strictEqual(yield* phase, "Active")
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
        const { contexts, look } = yield* life(directory)
        for (const { agent, branch, path } of [switches, merges, removes]) {
          repo.commit(path, branch)
          yield* contexts.send(agent, { _tag: "Attach", path, branch }, { cause: "cli" })
        }
        yield* look
      }))

      execFileSync("git", ["-C", switches.path, "switch", "-q", "-c", "other"])
      repo.git("merge", "-q", "--ff-only", merges.branch)
      repo.git("worktree", "remove", merges.path)
      repo.git("branch", "-q", "-d", merges.branch)
      repo.git("worktree", "remove", removes.path)

      const { contexts, look } = yield* life(directory)
      yield* look
      assert.deepInclude(yield* contexts.get(merges.agent), { _tag: "Worktree", phase: "Merged" })
      assert.deepInclude(yield* contexts.get(removes.agent), { _tag: "Worktree", phase: "Released" })
      assert.deepInclude(yield* contexts.get(switches.agent), { _tag: "Worktree", branch: "other", epoch: 2 })
    }))

  it.live("each can be turned off", () =>
    Effect.gen(function*() {
      const { look, path, phase, repo, state } = yield* setup({ branch: false, merge: false, removal: true })
      repo.commit(path, "work")
      yield* look
      repo.git("merge", "-q", "--no-ff", "-m", "merge", "feature")
      execFileSync("git", ["-C", path, "switch", "-q", "-c", "other"])
      yield* look
      assert.deepStrictEqual(yield* state, { _tag: "Worktree", path, branch: "feature", epoch: 1, phase: "Active" })
      repo.git("worktree", "remove", path)
      yield* look
      assert.strictEqual(yield* phase, "Released")
    }))
})
