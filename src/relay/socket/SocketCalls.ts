/**
 * A `tools/call` as the request of the socket's protocol that carries it out, and the daemon's answer as the tool's
 * result. Nothing is repeated here: what becomes of a failure is decided above, as for any relay.
 */
import { Duration, Effect, Option, Predicate, Result, Schema } from "effect"
import { hash, randomUUID } from "node:crypto"
import type { SettingsValues } from "../../config/Settings.ts"
import * as ForeignTime from "../../domain/ForeignTime.ts"
import type { AgentName } from "../../domain/Ids.ts"
import type { RelayFailure } from "../RelayFailure.ts"
import type { AttemptWatch } from "../transport/RelayAnswer.ts"
import { of as outcomeOf, Outcome } from "./Outcome.ts"
import { taken } from "./RequestsUnderWay.ts"
import type { Ask, SocketConnection } from "./SocketConnection.ts"
import { Ack, type Envelope, Inbox } from "./SocketEnvelope.ts"
import type { Received, SocketInbox } from "./SocketInbox.ts"

export interface Call {
  readonly agent: AgentName
  readonly connection: SocketConnection
  readonly name: string
  readonly arguments: unknown
  /** Under which the queue knows it. */
  readonly key: string | undefined
  readonly watch: AttemptWatch | undefined
}

export type CallResult = Exclude<Outcome, { readonly _tag: "Failed" }>

const Text = Schema.String
const SendMessage = Schema.Struct({ to: Schema.NonEmptyString, text: Text })
const Reply = Schema.Struct({ messageId: Schema.NonEmptyString, text: Text })
const ReadInbox = Schema.Struct({ after: Schema.optional(Schema.String) })
const Spawn = Schema.Struct({ name: Schema.NonEmptyString, cli: Text, task: Text, cwd: Schema.optional(Schema.String) })
const Release = Schema.Struct({ name: Schema.NonEmptyString })

const maxIdLength = 256
/** The SEND's id: what the queue calls it, so that a daemon that knows the id knows the message. */
const idFor = (key: string | undefined): string => {
  if (key === undefined) return randomUUID()
  return key.length > maxIdLength ? `holdfast-${hash("sha256", key)}` : key
}

export const make = (inbox: SocketInbox["Service"], settings: SettingsValues["relay"]["socket"]) => {
  const millis = {
    send: Duration.toMillis(settings.sendTimeout),
    query: Duration.toMillis(settings.queryTimeout),
    spawn: Duration.toMillis(settings.spawnTimeout),
    release: Duration.toMillis(settings.releaseTimeout)
  }

  const ask = Effect.fnUntraced(function*(
    { connection, watch }: Call,
    request: Omit<Ask, "watch">
  ): Effect.fn.Return<CallResult & { readonly answer?: Envelope }, RelayFailure> {
    if (!connection.fits(request)) {
      return Outcome.Refused({
        words: "it is larger than the relay takes in one message (1 MiB): send less, or in parts"
      })
    }
    const answer = yield* connection.ask({ ...request, watch })
    const outcome = outcomeOf(answer, connection.retryAfterMillis)
    if (outcome._tag !== "Failed") return { ...outcome, answer }
    if (outcome.stale) connection.forgetSession()
    return yield* outcome.failure
  })

  const send = Effect.fnUntraced(function*(
    call: Call,
    to: string,
    text: string,
    original: Received | undefined
  ): Effect.fn.Return<CallResult, RelayFailure> {
    const id = idFor(call.key)
    const sent = yield* ask(call, {
      type: "SEND",
      id,
      to,
      payload: { kind: "message", body: text, ...(original?.thread == null ? {} : { thread: original.thread }) },
      meta: original === undefined ? undefined : { replyTo: original.id },
      timeout: millis.send
    })
    if (sent._tag !== "Answered" || sent.answer === undefined) return sent
    return Outcome.Answered({ payload: sentResult(sent.answer, id, to) })
  })

  const received = Effect.fnUntraced(function*(call: Call): Effect.fn.Return<CallResult, RelayFailure> {
    const asked = yield* ask(call, {
      type: "INBOX",
      payload: { agent: call.agent, limit: 100, unreadOnly: true },
      timeout: millis.query
    })
    if (asked._tag !== "Answered") return asked
    const decoded = decodeInbox(asked.payload)
    if (Option.isNone(decoded)) return Outcome.Faulty({ code: -32603, words: "the relay's inbox is not in its form" })
    yield* inbox.keep(
      call.agent,
      decoded.value.messages.map(({ body, from, id, thread, timestamp }) => ({
        id,
        from,
        text: body,
        thread: thread ?? null,
        replyTo: null,
        sentAt: ForeignTime.millis(timestamp)
      }))
    )
    return asked
  })

  type Handler = (call: Call, args: unknown) => Effect.Effect<CallResult, RelayFailure> | undefined
  const handler = <A>(
    schema: Schema.Codec<A, unknown>,
    run: (call: Call, args: A) => Effect.Effect<CallResult, RelayFailure>
  ): Handler => {
    const decode = Schema.decodeUnknownResult(schema)
    return (call, args) => {
      const decoded = decode(args)
      return Result.isFailure(decoded)
        ? Effect.succeed(Outcome.Faulty({ code: -32602, words: decoded.failure.message }) as CallResult)
        : run(call, decoded.success)
    }
  }

  const handlers: Readonly<Record<string, Handler>> = {
    relay_send_message: handler(SendMessage, (call, { text, to }) => send(call, to, text, undefined)),
    relay_reply: handler(Reply, (call, { messageId, text }) =>
      Effect.gen(function*() {
        let original = yield* inbox.find(call.agent, messageId)
        if (Option.isNone(original)) {
          const asked = yield* received(call)
          if (asked._tag !== "Answered") return asked
          original = yield* inbox.find(call.agent, messageId)
        }
        if (Option.isNone(original)) return Outcome.Refused({ words: `there is no message ${messageId} of yours` })
        return yield* send(call, original.value.from, text, original.value)
      })),
    relay_inbox: handler(ReadInbox, (call, { after }) =>
      Effect.gen(function*() {
        let found = yield* inbox.read(call.agent, after)
        if (found.messages.length === 0) {
          const asked = yield* received(call)
          if (asked._tag !== "Answered") return asked
          found = yield* inbox.read(call.agent, after)
        }
        return Outcome.Answered({ payload: found })
      })),
    relay_list_agents: handler(
      Schema.Struct({}),
      (call) => ask(call, { type: "LIST_AGENTS", payload: { includeIdle: true }, timeout: millis.query })
    ),
    relay_spawn: handler(Spawn, (call, args) => ask(call, { type: "SPAWN", payload: args, timeout: millis.spawn })),
    relay_release: handler(
      Release,
      (call, args) => ask(call, { type: "RELEASE", payload: args, timeout: millis.release })
    )
  }

  /** Fails as any attempt does; only for a connection that is ready. */
  return (call: Call): Effect.Effect<CallResult, RelayFailure> =>
    (Object.hasOwn(handlers, call.name) ? handlers[call.name]?.(call, call.arguments ?? {}) : undefined)
      ?? Effect.succeed(
        Outcome.Faulty({ code: -32602, words: `there is no tool ${call.name.slice(0, 100)}` }) as CallResult
      )
}

const decodeInbox = Schema.decodeUnknownOption(Inbox)
const decodeAck = Schema.decodeUnknownOption(Ack)

/** `acknowledged` is false where the daemon took it and nobody has said more. */
const sentResult = (answer: Envelope, id: string, to: string) => {
  const ack = Option.getOrUndefined(decodeAck(answer.payload))
  const given = Predicate.hasProperty(ack?.responseData, "messageId") ? ack.responseData.messageId : undefined
  return {
    messageId: Predicate.isString(given) ? given : id,
    to,
    sentAt: ForeignTime.millis(answer.ts),
    acknowledged: answer.type !== taken
  }
}
