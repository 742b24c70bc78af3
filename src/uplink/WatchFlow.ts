/**
 * Messages in: the plane's session from a cursor on (BEHAVIOUR 14). A message for an agent is in its inbox when the cursor
 * moves over it, in one transaction. A credential is kept in memory; after a start the plane says it again.
 */
import { Clock, Effect, Exit, Option, Redacted, Schedule, Schema, Stream } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import * as ForeignTime from "../domain/ForeignTime.ts"
import { type AgentName, RelayId } from "../domain/Ids.ts"
import type { InboxRefused } from "../inbox/InboxMessage.ts"
import { isToken } from "../token/sources/TokenSource.ts"
import { PushedCredentials } from "../token/sources/UplinkSource.ts"
import type { Cursors } from "./Cursors.ts"
import type * as Deposits from "./Deposits.ts"
import type { Flow } from "./Flow.ts"
import { type Plane, PlaneFailure, type PlaneInboxMessage, type PlaneMessage, type PlaneToken } from "./Plane.ts"
import type { PlaneAccess } from "./PlaneAccess.ts"
import * as UserMessage from "./UserMessage.ts"

export interface WatchFlowOptions {
  readonly name: string
  /** Whose messages they are. */
  readonly agent: AgentName
  readonly plane: Plane
  readonly access: PlaneAccess
  readonly cursors: Cursors
  readonly deposits: ReturnType<typeof Deposits.make>
  readonly flow: Flow
}

export interface WatchFlow {
  readonly watched: () => number
  readonly credentials: () => ReadonlyArray<string>
  readonly run: Effect.Effect<never>
}

/** What is passed over moves the cursor on disk once in so many. */
const savedEvery = 100
/** A watch that was open for so long was healthy. */
const healthyAfter = 30_000
/** An inbox that is full, or a disk that fails, is tried again. */
const retryEvery = "5 seconds"

/** More would fill memory and disk: the settings name each that is used. */
const maxCredentials = 256
const maxTokenLength = 64 * 1024

const Credential = Schema.Struct({
  name: RelayId,
  token: Schema.String.check(Schema.isMaxLength(maxTokenLength), Schema.makeFilter(isToken)),
  expiresAt: Schema.optionalKey(Schema.Union([Schema.String, Schema.Number, Schema.Null]))
})
const decodeCredential = Schema.decodeUnknownOption(Schema.fromJsonString(Credential))

const ended = new PlaneFailure({ status: "unavailable", detail: "the control plane ended the watch" })

/** Reads a watch for as long as it stands, and again and again. */
const again = Effect.fnUntraced(function*<A>(
  { access, flow }: { readonly access: PlaneAccess; readonly flow: Flow },
  open: (token: PlaneToken, onOpen: () => void) => Stream.Stream<A, PlaneFailure>,
  handle: (message: A) => Effect.Effect<void>
): Effect.fn.Return<never> {
  const fork = Effect.runForkWith(yield* Effect.context())
  while (true) {
    const token = yield* access.token
    let openedAt: number | undefined
    const clock = yield* Clock.Clock
    const onOpen = () => {
      openedAt ??= clock.currentTimeMillisUnsafe()
      fork(flow.ready)
    }
    const reading = Stream.runForEach(open(token, onOpen), (message) => Effect.andThen(flow.succeeded, handle(message)))
    const exit = yield* Effect.exit(reading)
    if (openedAt !== undefined && clock.currentTimeMillisUnsafe() - openedAt >= healthyAfter) yield* flow.succeeded
    // A defect is not the plane's.
    if (Exit.isFailure(exit) && Option.isNone(Exit.findErrorOption(exit))) yield* Effect.orDie(exit)
    const failure = Option.getOrElse(Exit.findErrorOption(exit), () => ended)
    yield* flow.refused(failure, token)
  }
})

export const make = Effect.fnUntraced(function*(options: WatchFlowOptions) {
  const { agent, cursors, deposits, flow, name, plane } = options
  const sql = yield* SqlClient.SqlClient
  const pushed = yield* PushedCredentials
  const credentials = new Set<string>()
  let watched = cursors.watched
  let saved = cursors.watched
  let from: number | undefined

  const save = (seq: number) =>
    Effect.map(cursors.saveWatched(seq), () => {
      saved = seq
    })

  const insist = insisting(flow)

  const credential = Effect.fnUntraced(function*({ payload, seq }: PlaneMessage) {
    const found = decodeCredential(payload)
    if (Option.isNone(found)) {
      return yield* Effect.logWarning("the control plane pushed a credential that is none: it needs name and token")
        .pipe(
          Effect.annotateLogs({ uplink: name, seq })
        )
    }
    const { expiresAt, name: credentialName, token } = found.value
    if (credentials.size >= maxCredentials && !credentials.has(credentialName)) {
      return yield* Effect.logWarning(
        `the control plane pushed a credential beyond the first ${maxCredentials}: it is left out`
      ).pipe(Effect.annotateLogs({ uplink: name, seq }))
    }
    const end = ForeignTime.moment(expiresAt)
    credentials.add(credentialName)
    yield* pushed.put(`${name}/${credentialName}`, { value: Redacted.make(token), expiresAt: end })
    yield* Effect.logInfo("the control plane pushed a credential").pipe(
      Effect.annotateLogs({ uplink: name, credential: credentialName })
    )
    yield* insist(sql.withTransaction(
      Effect.andThen(cursors.sawCredential(credentialName, seq, end), save(Math.max(watched, seq)))
    ))
  })

  const handle = Effect.fnUntraced(function*(message: PlaneMessage) {
    const { id, payload, seq, type } = message
    // Numbers that no cursor can name.
    if (!Number.isSafeInteger(seq) || seq < 1) return
    if (type === "credential") yield* credential(message)
    if (seq <= watched) return
    if (type === "user") {
      const { body, from } = UserMessage.parse(payload)
      yield* insist(sql.withTransaction(Effect.andThen(
        deposits.receive({ agent, body, from, id: id === "" ? `session-message-${seq}` : id }),
        save(seq)
      )))
    } else if (seq - saved >= savedEvery) yield* Effect.ignore(save(seq))
    watched = seq
  })

  const watchFlow: WatchFlow = {
    watched: () => watched,
    credentials: () => [...credentials],
    run: Effect.gen(function*() {
      from = yield* Effect.catch(cursors.watchFrom, () => Effect.succeed(watched))
      return yield* again(
        options,
        (token, onOpen) => {
          const after = from ?? watched
          from = undefined
          return plane.watch(after, token, onOpen)
        },
        handle
      )
    })
  }
  return watchFlow
})

/** Of an agent of the plane's own: there is no cursor, so each message is known by its id. */
export const inbox = (
  agentId: string,
  { agent, deposits, ...rest }: Pick<WatchFlowOptions, "agent" | "plane" | "access" | "deposits" | "flow">
): Effect.Effect<never> =>
  again(
    rest,
    (token, onOpen) => rest.plane.watchInbox(agentId, token, onOpen),
    (message: PlaneInboxMessage) => insisting(rest.flow)(deposits.receive({ ...message, agent }))
  )

/** What is behind it waits, too, at the plane. */
const insisting =
  (flow: Flow) => (work: Effect.Effect<unknown, InboxRefused | SqlError.SqlError>): Effect.Effect<void> =>
    work.pipe(
      Effect.tapError(({ message }) => flow.waiting(message)),
      Effect.retry({ schedule: Schedule.spaced(retryEvery) }),
      Effect.andThen(flow.ready),
      Effect.orDie
    )
