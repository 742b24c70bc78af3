/** The same call again, answered by what became of it (BEHAVIOUR 5, "Key"). */
import { Clock, Effect, Option } from "effect"
import type { SqlError } from "effect/sql"
import type { AgentName } from "../../domain/Ids.ts"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import { faultOf } from "../../storage/StorageFault.ts"
import { OutboxRefused, restoreId, type WireAnswer } from "../Call.ts"
import { OutboxStore } from "../store/OutboxStore.ts"
import type { Row } from "../store/Row.ts"
import type { Acceptance } from "./Acceptance.ts"
import { AnsweredCalls } from "./AnsweredCalls.ts"
import type { CallUnderWay, Reply } from "./CallUnderWay.ts"

export const keyReused = (key: string): OutboxRefused =>
  new OutboxRefused({
    reason: "key reused",
    detail: `the idempotency key ${key} was used before with other arguments: choose another key, or repeat that call`
  })

const unreadable = (error: SqlError.SqlError): OutboxRefused =>
  new OutboxRefused({
    reason: "storage",
    detail: `whether this call was sent before could not be read from disk (disk: ${
      faultOf(error)
    }), and it must not be sent twice: it was not accepted. Repeat it once the disk works again`
  })

const deadLetter = (row: Row): JsonRpcError.JsonRpcError => ({
  code: JsonRpcError.codes.outbox,
  message:
    `this call was queued earlier and became a dead letter (entry ${row.id}): ${row.reason ?? "no reason known"}. `
    + `It will not be delivered unless an operator retries it with "holdfast outbox retry ${row.id}".`,
  data: { entry: row.id, ...(row.reason?.startsWith("unknown") ? { delivery: "unknown" } : {}) }
})

const replay = (text: string, status = 200): Reply => ({ _tag: "Answered", answer: { status, text }, replayed: true })

export interface KnownCalls {
  /** What the caller is answered if this call is known, live or queued; `undefined` if it is not. */
  readonly find: (underWay: CallUnderWay) => Effect.Effect<Reply | undefined, OutboxRefused>
  /** The relay's answer to a live call, for the case that it is asked for again. */
  readonly remember: (underWay: CallUnderWay, answer: WireAnswer) => Effect.Effect<void>
  /** Nobody of the same name is answered from what this agent was answered. */
  readonly forget: (agent: AgentName) => void
}

export const make = Effect.fnUntraced(function*({ acknowledge }: Acceptance) {
  const store = yield* OutboxStore
  const answered = new AnsweredCalls()

  const replyOf = Effect.fnUntraced(function*(row: Row, wireId: string): Effect.fn.Return<Reply> {
    if (row.state === "delivered") return replay(`{"jsonrpc":"2.0","id":${wireId},"result":${row.result ?? "{}"}}`)
    if (row.state === "dead") return replay(JsonRpcError.text(wireId, deadLetter(row)))
    return yield* acknowledge(row, row.agent, yield* Effect.orElseSucceed(store.position(row), () => 1))
  })

  const onDisk = Effect.fnUntraced(function*({ call, key, onUnknown, wire }: CallUnderWay) {
    const row = yield* Effect.catch(store.byKey(call.agent, call.tool, key.key), (error) =>
      // A disk that cannot be read must not stop live calls whose key the relay still knows.
      onUnknown === "resend" ? Effect.succeedNone : unreadable(error))
    if (Option.isNone(row)) return undefined
    if (row.value.arguments_hash !== key.argumentsHash) return yield* keyReused(key.key)
    return yield* replyOf(row.value, wire.id)
  })

  const known: KnownCalls = {
    find: Effect.fnUntraced(function*(underWay) {
      const { key, name, wire } = underWay
      const live = answered.find(name, yield* Clock.currentTimeMillis)
      if (live === undefined) return yield* onDisk(underWay)
      if (live.argumentsHash !== key.argumentsHash) return yield* keyReused(key.key)
      return replay(restoreId(live.answer.text, live.wireId, wire.id), live.answer.status)
    }),
    remember: (underWay, answer) =>
      underWay.key.origin === "minted"
        ? Effect.void
        : Effect.map(Clock.currentTimeMillis, (now) => answered.remember(underWay, answer, now)),
    forget: (agent) => answered.forgetAgent(agent)
  }
  return known
})
