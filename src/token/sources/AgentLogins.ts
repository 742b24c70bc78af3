/** Which agents have a login of their own at a relay (`holdfast login --agent`), as it comes and goes while we run. */
import { Effect, FileSystem, Option, Schedule, Stream } from "effect"
import { basename } from "node:path"
import type { AgentName, RelayId } from "../../domain/Ids.ts"
import { DataDirectory } from "../../storage/DataDirectory.ts"
import * as AuthorizationServer from "./AuthorizationServer.ts"
import * as LoginFile from "./LoginFile.ts"

/** How long a change goes unseen at most where the system does not tell of it. */
const poll = "5 seconds"

export interface AgentLogins {
  readonly has: (agent: AgentName) => boolean
  /** Each agent whose login came or went. */
  readonly moved: Stream.Stream<AgentName>
  /** Removes the agent's. */
  readonly forget: (agent: AgentName) => Effect.Effect<void>
}

export const make = Effect.fnUntraced(function*(relay: RelayId, url: URL | undefined) {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* DataDirectory
  let own: ReadonlySet<AgentName> = new Set()

  /** A login that was made at another place, for a relay that once had this name, is none. */
  const counts = (agent: AgentName) =>
    LoginFile.read(relay, agent).pipe(
      Effect.map(Option.exists(({ resource }) => url === undefined || AuthorizationServer.covers(resource, url))),
      Effect.orElseSucceed(() => false)
    )

  /** Those whose login came or went since. */
  const look = Effect.gen(function*() {
    const names = yield* Effect.orElseSucceed(fs.readDirectory(directory.path), () => [])
    const agents = names.flatMap((name) => Option.toArray(LoginFile.agentOf(relay, name)))
    const before = own
    own = new Set(yield* Effect.filter(agents, counts))
    return [...before, ...own].filter((agent) => before.has(agent) !== own.has(agent))
  }).pipe(Effect.provideService(DataDirectory, directory))

  yield* look
  // The database beside it is written all the time.
  const watched = fs.watch(directory.path).pipe(
    Stream.filter(({ path }) => basename(path).startsWith(LoginFile.nameOf(relay).replace(/\.json$/, "@"))),
    Stream.catch(() => Stream.empty)
  )
  return {
    has: (agent) => own.has(agent),
    moved: Stream.merge(watched, Stream.fromSchedule(Schedule.spaced(poll))).pipe(
      Stream.mapEffect(() => look),
      Stream.flatMap(Stream.fromIterable)
    ),
    forget: (agent) => Effect.ignore(directory.remove(LoginFile.nameOf(relay, agent)))
  } satisfies AgentLogins
})
