import { Effect, FileSystem, Layer, Option, Path, Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Settings } from "../config/Settings.ts"
import { ContextEvent } from "../context/ContextState.ts"
import { WorkspaceContexts } from "../context/WorkspaceContexts.ts"
import type { AgentName } from "../domain/Ids.ts"
import * as HostServices from "../storage/HostServices.ts"
import { AdminApi } from "./AdminApi.ts"
import { BadRequest, Conflict } from "./AdminErrors.ts"
import type { ContextCommand } from "./ContextView.ts"
import { instant } from "./Instant.ts"
import * as Lookup from "./Lookup.ts"

const historyShown = 20

/** The change of a fact that the command asks for, if it asks for one. */
const toFact = Effect.fnUntraced(
  function*({ branch, event, fact, path }: ContextCommand, known: ReadonlyArray<string>) {
    const isFact = event === "SetFact" || event === "ClearFact"
    if (!isFact) {
      return fact === undefined
        ? undefined
        : yield* new BadRequest({ message: `${event} takes no fact; SetFact and ClearFact do` })
    }
    if (path !== undefined || branch !== undefined) {
      return yield* new BadRequest({ message: `${event} takes neither path nor branch; only Attach does` })
    }
    if (fact !== undefined && known.includes(fact)) return { fact, holds: event === "SetFact" }
    const names = known.length === 0 ? "none is configured (context.facts)" : `there is ${known.join(", ")}`
    return yield* new BadRequest({
      message: fact === undefined ? `${event} needs a fact; ${names}` : `no fact is called "${fact}"; ${names}`
    })
  }
)

const toEvent = Effect.fnUntraced(function*(command: ContextCommand) {
  const { event, path, branch } = command
  if (event !== "Attach" && (path !== undefined || branch !== undefined)) {
    return yield* new BadRequest({ message: `${event} takes neither path nor branch; only Attach does` })
  }
  const decoded = yield* Schema.decodeUnknownEffect(ContextEvent)({ _tag: event, path, branch }).pipe(
    Effect.mapError(() => new BadRequest({ message: `${event} needs a path and a branch` }))
  )
  if (decoded._tag === "Attach") yield* isDirectory(decoded.path)
  return decoded
})

/** Nobody works in a place that is not there. */
const isDirectory = Effect.fnUntraced(function*(place: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  if (!path.isAbsolute(place)) {
    return yield* new BadRequest({ message: `Attach needs an absolute path, not "${place}"` })
  }
  const found = yield* Effect.option(fs.stat(place))
  if (Option.exists(found, ({ type }) => type === "Directory")) return
  return yield* new BadRequest({
    message: `${place} is ${Option.isNone(found) ? "not there" : "no directory"}: Attach needs the worktree's path`
  })
})

export const layerNoDeps = HttpApiBuilder.group(
  AdminApi,
  "context",
  Effect.fn(function*(handlers) {
    const lookup = yield* Lookup.make
    const services = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
    const contexts = yield* WorkspaceContexts
    const { context: { facts } } = yield* Settings

    const view = Effect.fnUntraced(function*(agent: AgentName) {
      return {
        agent,
        state: yield* contexts.get(agent),
        facts: Array.from(yield* contexts.facts(agent)).sort(),
        history: (yield* contexts.history(agent, historyShown)).map((entry) => ({ ...entry, at: instant(entry.at) }))
      }
    })

    return handlers.handleAll({
      show: ({ query }) => Effect.flatMap(lookup.agent(query.agent), view),
      send: Effect.fnUntraced(function*({ payload }) {
        const agent = yield* lookup.agent(payload.agent)
        const change = yield* toFact(payload, facts)
        if (change !== undefined) {
          yield* contexts.setFact(agent, change.fact, change.holds, { cause: "api" })
          return yield* view(agent)
        }
        const event = yield* Effect.provide(toEvent(payload), services)
        yield* contexts.send(agent, event, { cause: "api" }).pipe(
          Effect.mapError((error) => new Conflict({ message: error.message }))
        )
        return yield* view(agent)
      })
    })
  })
).pipe(Layer.provide(HostServices.layer))
