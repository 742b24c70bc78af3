/** Tasks of Holdfast's own as their agents see them: found by their ids, and followed to their ends. */
import { Effect, Option, Stream } from "effect"
import type { AgentName } from "../../domain/Ids.ts"
import { codes, text as errorText } from "../../domain/JsonRpcError.ts"
import { Outbox } from "../../outbox/Outbox.ts"
import { Results } from "../../results/Results.ts"
import { type Task, Tasks } from "../../results/Tasks.ts"
import * as TaskForm from "./TaskForm.ts"

/** A letter that a person discarded tells nobody: it is looked for so often. */
const lookEvery = "30 seconds"

export const make = Effect.gen(function*() {
  const outbox = yield* Outbox
  const results = yield* Results
  const tasks = yield* Tasks

  const letterOf = (agent: AgentName, { key, tool }: Task) =>
    Option.isNone(key) ? Effect.succeedNone : outbox.byKey(agent, tool, key.value)

  /** The letter of a queued task is gone, and nothing was delivered. */
  const lost = (agent: AgentName, { key }: Task, why: string) =>
    results.settled(
      agent,
      Option.getOrElse(key, () => ""),
      errorText(null, { code: codes.outbox, message: `The call was queued and not delivered: ${why}` }),
      true
    )

  const find = Effect.fnUntraced(function*(agent: AgentName, id: string) {
    const task = yield* tasks.find(agent, id)
    if (Option.isNone(task) || task.value.state !== "queued") return task
    if (Option.isSome(yield* letterOf(agent, task.value))) return task
    yield* lost(agent, task.value, "it was discarded")
    return yield* tasks.find(agent, id)
  })

  /** Tells of each once it has ended, at once where it has; returns when all have. */
  const follow = Effect.fnUntraced(function*(
    agent: AgentName,
    ids: ReadonlyArray<string>,
    tell: (task: Task) => Effect.Effect<void>
  ) {
    const open = new Set(ids)
    const look = Effect.gen(function*() {
      for (const id of open) {
        const task = yield* find(agent, id)
        if (Option.isSome(task) && !TaskForm.hasEnded(task.value)) continue
        open.delete(id)
        if (Option.isSome(task)) yield* tell(task.value)
      }
      return open.size === 0
    })
    const changes = Stream.filter(tasks.ended, (one) => one === agent)
    yield* Stream.merge(changes, Stream.tick(lookEvery)).pipe(
      Stream.mapEffect(() => look),
      Stream.takeUntil((isDone) => isDone),
      Stream.runDrain
    )
  })

  return { letterOf, lost, find, follow }
})

export type OwnTasks = Effect.Success<typeof make>
