/** The same call again, answered by what became of it (BEHAVIOUR 5, "Key"). */
import { Clock, Context, Effect, Layer, Option } from "effect"
import type { SqlError } from "effect/sql"
import type { AgentName } from "../../domain/Ids.ts"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import { faultOf } from "../../storage/StorageFault.ts"
import { acknowledgement } from "../Acknowledgement.ts"
import type { WireAnswer } from "../Call.ts"
import { OutboxRefused } from "../OutboxRefused.ts"
import { OutboxStore } from "../store/OutboxStore.ts"
import type { Row } from "../store/Row.ts"
import { Untold } from "../store/Untold.ts"
import { restoreId } from "../Wire.ts"
import { AnsweredCalls } from "./AnsweredCalls.ts"
import type { Reply, Submitted } from "./Submission.ts"

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

export class KnownCalls extends Context.Service<KnownCalls, {
  /** What the caller is told if this call is known, live or queued. */
  readonly find: (submitted: Submitted) => Effect.Effect<Option.Option<Reply>, OutboxRefused>
  /** The relay's answer to a live call, for the case that it is asked for again. */
  readonly remember: (submitted: Submitted, answer: WireAnswer) => Effect.Effect<void>
  /** Nobody of the same name is answered from what this agent was answered. */
  readonly forget: (agent: AgentName) => Effect.Effect<void>
}>()("holdfast/outbox/KnownCalls") {
  static readonly layerNoDeps = Layer.effect(
    KnownCalls,
    Effect.gen(function*() {
      const store = yield* OutboxStore
      const untold = yield* Untold
      const answered = new AnsweredCalls()

      const replyOf = Effect.fnUntraced(function*(row: Row, wireId: string): Effect.fn.Return<Reply> {
        const replay = (text: string): Reply => ({ _tag: "Answered", answer: { status: 200, text }, replayed: true })
        if (row.state === "delivered") return replay(`{"jsonrpc":"2.0","id":${wireId},"result":${row.result ?? "{}"}}`)
        if (row.state === "dead") return replay(JsonRpcError.text(wireId, deadLetter(row)))
        const position = yield* Effect.orElseSucceed(store.position(row), () => 1)
        const letters = yield* untold.take(row.agent)
        return {
          _tag: "Queued",
          result: acknowledgement({ tool: row.tool, key: row.key, position, untold: letters })
        }
      })

      return KnownCalls.of({
        find: Effect.fnUntraced(function*({ draft: { call, onUnknown, wire }, key, name }) {
          // A key that was minted for this very call names no other.
          if (key.origin === "minted") return Option.none()
          const live = answered.find(name, yield* Clock.currentTimeMillis)
          if (live !== undefined) {
            if (live.argumentsHash !== key.argumentsHash) return yield* keyReused(key.key)
            const text = restoreId(live.text, live.wireId, wire.id)
            return Option.some<Reply>({ _tag: "Answered", answer: { status: live.status, text }, replayed: true })
          }
          const row = yield* Effect.catch(store.byKey(call.agent, call.tool, key.key), (error) =>
            // A disk that cannot be read must not stop live calls whose key the relay still knows.
            onUnknown === "resend" ? Effect.succeedNone : unreadable(error))
          if (Option.isNone(row)) return Option.none()
          if (row.value.arguments_hash !== key.argumentsHash) return yield* keyReused(key.key)
          return Option.some(yield* replyOf(row.value, wire.id))
        }),
        remember: Effect.fnUntraced(function*({ draft: { call, wire }, key, name }, { status, text }) {
          if (key.origin === "minted") return
          const kept = { agent: call.agent, argumentsHash: key.argumentsHash, wireId: wire.id, status, text }
          answered.remember(name, kept, yield* Clock.currentTimeMillis)
        }),
        forget: (agent) => Effect.sync(() => answered.forgetAgent(agent))
      })
    })
  )
}

const deadLetter = (row: Row): JsonRpcError.JsonRpcError => ({
  code: JsonRpcError.codes.outbox,
  message:
    `this call was queued earlier and became a dead letter (entry ${row.id}): ${row.reason ?? "no reason known"}. `
    + `It will not be delivered unless an operator retries it with "holdfast outbox retry ${row.id}".`,
  data: { entry: row.id, ...(row.reason?.startsWith("unknown") ? { delivery: "unknown" } : {}) }
})
