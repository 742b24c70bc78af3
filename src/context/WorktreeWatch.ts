/**
 * Watches with git the worktrees that agents are attached to, and moves their contexts: after a switched branch, after
 * a merge into the base branch, after a removed worktree (BEHAVIOUR 6, drivers). Each can be turned off.
 *
 * Only a change counts: a path that never was a worktree stays as it is, and so does a branch that never had a commit
 * of its own. The last observation is on disk, so a restarted daemon notices what happened meanwhile, except work that
 * was both begun and merged while it was down.
 */
import { Effect, Equal, FileSystem, Layer, Option, Schedule, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { Settings } from "../config/Settings.ts"
import { AgentName } from "../domain/Ids.ts"
import * as HostServices from "../storage/HostServices.ts"
import { Supervisor } from "../supervision/Supervisor.ts"
import type { ContextEvent } from "./ContextState.ts"
import { basesOf, git, type GitWorktree, isAhead, isMerged, worktreeAt } from "./Git.ts"
import { type OpenWorktree, WorkspaceContexts } from "./WorkspaceContexts.ts"

// The last observation of each attachment is on disk, so that a restarted daemon compares with it.

interface Seen {
  readonly epoch: number
  readonly commonDirectory: string
  /** The branch's last commit that no base branch had. */
  readonly ahead: Option.Option<string>
  /** Branch and bases as they were; while none of them moves, git is not asked further. */
  readonly refs: string
}

const decodeRows = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({
  agent: AgentName,
  epoch: Schema.Int,
  common_directory: Schema.String,
  ahead: Schema.NullOr(Schema.String),
  refs: Schema.String
})))

/** One writer: the watch. */
const seenWorktrees = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* Effect.orDie(Effect.flatMap(sql`SELECT * FROM worktrees_seen`, decodeRows))
  const seen = new Map<AgentName, Seen>(
    rows.map(({ agent, ahead, common_directory: commonDirectory, epoch, refs }) => [
      agent,
      { epoch, commonDirectory, ahead: Option.fromNullishOr(ahead), refs }
    ])
  )

  return {
    of: (agent: AgentName) => seen.get(agent),
    see: Effect.fnUntraced(function*(agent: AgentName, now: Seen) {
      if (Equal.equals(seen.get(agent), now)) return
      const { ahead, commonDirectory, epoch, refs } = now
      yield* sql`INSERT OR REPLACE INTO worktrees_seen (agent, epoch, common_directory, ahead, refs)
        VALUES (${agent}, ${epoch}, ${commonDirectory}, ${Option.getOrNull(ahead)}, ${refs})`
      seen.set(agent, now)
    }, Effect.orDie),
    /** All other agents are detached. */
    keep: Effect.fnUntraced(function*(agents: ReadonlySet<AgentName>) {
      for (const agent of seen.keys()) {
        if (agents.has(agent)) continue
        yield* sql`DELETE FROM worktrees_seen WHERE agent = ${agent}`
        seen.delete(agent)
      }
    }, Effect.orDie)
  }
})

export const layerNoDeps = Layer.effectDiscard(Effect.gen(function*() {
  const { context: { git: settings } } = yield* Settings
  const contexts = yield* WorkspaceContexts
  const fs = yield* FileSystem.FileSystem
  const { supervise } = yield* Supervisor
  const seen = yield* seenWorktrees

  const send = (agent: AgentName, epoch: number, event: ContextEvent) =>
    Effect.ignore(contexts.send(agent, event, { cause: "git", epoch }))

  /** Compares the branch with its bases: whether it has been merged since the last observation. */
  const lookAtBranch = Effect.fnUntraced(function*(before: Seen, branch: string) {
    const directory = before.commonDirectory
    const bases = yield* basesOf(directory, settings.base)
    const tip = yield* git(directory, "rev-parse", "--verify", "--quiet", `refs/heads/${branch}`)
    const refs = JSON.stringify([Option.getOrNull(tip), bases])
    const isBase = bases.some(({ ref }) => ref === `refs/heads/${branch}`)
    if (refs === before.refs || isBase || bases.length === 0) return { ...before, refs, merged: false }
    const commits = bases.map(({ commit }) => commit)
    if (Option.isSome(tip) && Option.isNone(before.ahead)) {
      const ahead = (yield* isAhead(directory, commits, tip.value)) ? tip : Option.none<string>()
      return { ...before, refs, ahead, merged: false }
    }
    const ahead = Option.isSome(tip) && (yield* isAhead(directory, commits, tip.value)) ? tip : before.ahead
    const merged = Option.isSome(ahead) && (yield* isMerged(directory, commits, ahead.value))
    return { ...before, refs, ahead, merged }
  })

  const report = Effect.fnUntraced(function*(
    { agent, branch, epoch, path }: OpenWorktree,
    worktree: Option.Option<GitWorktree>,
    merged: boolean
  ) {
    if (merged && settings.merge) return yield* send(agent, epoch, { _tag: "Merge" })
    if (Option.isNone(worktree)) {
      const gone = !(yield* Effect.orElseSucceed(fs.exists(path), () => true))
      return gone && settings.removal ? yield* send(agent, epoch, { _tag: "Release" }) : undefined
    }
    const { branch: present } = worktree.value
    if (!settings.branch || Option.isNone(present) || present.value === branch) return
    // Another branch is other work, and gets an epoch of its own.
    yield* send(agent, epoch, { _tag: "Detach" })
    yield* send(agent, 0, { _tag: "Attach", path, branch: present.value })
  })

  const observe = Effect.fnUntraced(function*(open: OpenWorktree) {
    const { agent, branch, epoch, path } = open
    const known = seen.of(agent)
    const worktree = yield* worktreeAt(path)
    const first = Option.map(worktree, ({ commonDirectory }): Seen => ({
      epoch,
      commonDirectory,
      ahead: Option.none(),
      refs: ""
    }))
    const before = known?.epoch === epoch ? known : Option.getOrUndefined(first)
    if (before === undefined) return
    const { merged, ...now } = yield* lookAtBranch(before, branch)
    yield* report(open, worktree, merged)
    // The event is sent before the observation is stored. After a crash in between it is sent again, and changes
    // nothing.
    yield* seen.see(agent, now)
  })

  if (!settings.branch && !settings.merge && !settings.removal) return
  yield* contexts.open.pipe(
    Effect.tap((open) => seen.keep(new Set(open.map(({ agent }) => agent)))),
    Effect.flatMap((open) => Effect.forEach(open, observe, { concurrency: 4, discard: true })),
    Effect.repeat(Schedule.spaced(settings.pollInterval)),
    supervise("worktrees")
  )
}))

/** The context room: the state of each agent, and the watch over its worktree. */
export const layer = layerNoDeps.pipe(Layer.provide(HostServices.layer), Layer.provideMerge(WorkspaceContexts.layer))
