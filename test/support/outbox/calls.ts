/** Calls as an agent makes them, and how they are submitted. */
import { Effect, Option, Result } from "effect"
import { AgentName, PrincipalId, SessionId } from "../../../src/domain/Ids.ts"
import * as Message from "../../../src/domain/Message.ts"
import { type BufferableCall, Outbox } from "../../../src/outbox/Outbox.ts"
import { idle } from "./advance.ts"
import { FakeRelay } from "./FakeRelay.ts"

export const agent = AgentName.make("default")
export const session = SessionId.make("session")

export interface CallOptions extends Partial<Omit<BufferableCall, "request">> {
  readonly id?: string
  readonly args?: Record<string, unknown>
  readonly meta?: Record<string, unknown>
}

export const call = ({ args = { text: "hi" }, id = "1", meta, ...rest }: CallOptions = {}): BufferableCall => {
  const params = { name: "relay_send_message", arguments: args, ...(meta === undefined ? {} : { _meta: meta }) }
  const parsed = Result.getOrThrow(
    Message.parse(`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${JSON.stringify(params)}}`)
  )
  if (parsed._tag !== "Request") throw new Error("not a request")
  return {
    agent,
    session,
    principal: PrincipalId.make("alice"),
    request: parsed,
    tool: "relay_send_message",
    declaresKey: true,
    idempotentHint: false,
    epoch: Option.none(),
    ...rest
  }
}

/** With a key that the caller chose, so that the test knows it. */
export const keyed = (key: string, options: CallOptions = {}) =>
  call({ ...options, args: { text: key, idempotencyKey: key, ...options.args } })

/** Submits with a live attempt that reaches the fake relay. */
export const submit = Effect.fnUntraced(function*(call: BufferableCall) {
  const outbox = yield* Outbox
  const relay = yield* FakeRelay
  return yield* outbox.submit(call, (wire) => relay.receive(wire.text))
})

/** Submitted, and as far as it gets without time. */
export const submitting = Effect.fnUntraced(function*(call: BufferableCall) {
  const fiber = yield* Effect.forkChild(submit(call), { startImmediately: true })
  yield* idle
  return fiber
})

/** Queued while the link is Down. */
export const queue = Effect.fnUntraced(function*(...keys: ReadonlyArray<string>) {
  for (const key of keys) yield* submit(keyed(key))
})

export const keysSent = Effect.flatMap(
  FakeRelay,
  (relay) => Effect.map(relay.sent, (sent) => sent.map(({ key }) => key))
)

export const states = Effect.flatMap(
  Outbox,
  (outbox) => Effect.map(outbox.list({}), (entries) => entries.map(({ key, state }) => `${key} ${state}`))
)
