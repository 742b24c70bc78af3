/**
 * What happens, for whoever listens: each type with its payload, told at once and without an effect (BEHAVIOUR 13).
 *
 * The rooms tell, and know nobody who listens; where nobody does, it costs a comparison. No payload holds arguments,
 * results, headers or secrets, but for `content`, which is there only where a listener asked for it.
 */
import { Context, Effect, Schema, type Scope } from "effect"
import { randomBytes } from "node:crypto"

const { Boolean, Int, Literals, Number, optionalKey, String, Struct } = Schema
const Strings = Schema.Array(String)
/** Milliseconds since the epoch. */
const Instant = Number
const ofRelay = { relay: String }

const link = {
  ...ofRelay,
  /** When the state began. */
  since: Instant,
  /** Probes that failed in the outage. */
  attempts: Int,
  /** Changes within a second of each other, this one included. */
  count: Int
}

const session = {
  ...ofRelay,
  /** `clientInfo.name`, as the client gives it. */
  client: String,
  era: Literals(["legacy", "modern"]),
  /** Whether the relay has a session for it at this moment. */
  relaySession: Boolean
}

/** `call` names the call while it is with the agent; no two of a data directory have the same. */
const liveCall = { ...ofRelay, call: String, tool: String }

/** A call on disk. */
const entry = {
  ...ofRelay,
  entry: Int,
  /** There are many at once where a principal changes: then the tool and the key are left out. */
  tool: optionalKey(String),
  key: optionalKey(String),
  lane: String,
  attempt: optionalKey(Int),
  reason: optionalKey(String),
  /** When the agent made the call. */
  occurredAt: Instant
}

/** When it was last sent, where the queue sent it, and how long the relay took. */
const sent = { sentAt: optionalKey(Instant), relayMillis: optionalKey(Number) }

const token = {
  ...ofRelay,
  /** An agent, or `*` for all who share the token. */
  owner: String,
  source: String
}
const tokenFailure = {
  ...token,
  code: String,
  hint: String,
  status: optionalKey(Int),
  attempt: Int,
  nextAt: optionalKey(Instant)
}

const content = optionalKey(String)

export const payloads = {
  "link.up": Struct({
    ...link,
    /** When the outage began, where one ended. */
    downSince: optionalKey(Instant)
  }),
  "link.down": Struct({ ...link, why: String, hint: optionalKey(String) }),

  "session.opened": Struct(session),
  /** The relay forgot its session; the agent's own goes on. */
  "session.lost": Struct(session),
  "session.reopened": Struct(session),
  "session.ended": Struct(session),

  "call.started": Struct({ ...liveCall, content }),
  "call.progress": Struct({
    ...liveCall,
    progress: optionalKey(Number),
    total: optionalKey(Number),
    /** How often the relay told of it, this time included. What comes within 100 ms of the last is only counted. */
    count: Int
  }),
  /**
   * `queuedAfter`, `sentAfter`, `relayAfter` and `millis` are milliseconds since the agent's request: when it was put on
   * disk, went to the relay, had the relay's answer, and was answered.
   */
  "call.answered": Struct({
    ...liveCall,
    outcome: Literals(["answered", "queued", "cached", "error", "cancelled"]),
    key: optionalKey(String),
    lane: optionalKey(String),
    entry: optionalKey(Int),
    sentAfter: optionalKey(Number),
    relayAfter: optionalKey(Number),
    millis: Number,
    /** How often the relay told of progress. */
    progress: optionalKey(Int),
    content
  }),
  "call.queued": Struct(entry),
  "call.delivered": Struct({ ...entry, ...sent }),
  "call.dead": Struct({ ...entry, ...sent }),
  "call.held": Struct({ ...entry, ...sent }),

  /** Against what the session was shown before. Of each list at most 50 names. */
  "menu.changed": Struct({
    ...ofRelay,
    tools: Int,
    added: Strings,
    removed: Strings,
    changed: Strings,
    /** Facts that rules ask for and that do not hold, by whose lack tools are hidden. */
    rules: Strings,
    /** Changes within 250 ms of each other, which this one sums up. */
    count: Int
  }),

  "token.changed": Struct({ ...token, expiresAt: optionalKey(Instant), principalChanged: Boolean }),
  "token.failing": Struct(tokenFailure),
  "token.rejected": Struct(tokenFailure),

  /** `from` and `to` are `Shared` or a worktree's phase. */
  "context.moved": Struct({ from: String, event: String, to: String, epoch: Int, cause: String }),

  "fiber.restarted": Struct({ fiber: String, restarts: Int, why: String }),
  "run.started": Struct({ run: String, holder: Int }),
  "run.finished": Struct({ run: String, holder: Int }),
  "inbox.received": Struct({ id: String, from: String }),

  /** What the relay said of its own accord while nobody of the agent's read: its method. */
  "relay.notified": Struct({ ...ofRelay, method: String }),

  /** Records that are gone, `from` and `to` included: too old or too many, or the disk did not take them in time. */
  gap: Struct({ from: Int, to: Int, why: Literals(["retention", "disk"]) })
}

export type HappeningType = keyof typeof payloads
export type Payload<T extends HappeningType> = (typeof payloads)[T]["Type"]
export const happeningTypes = Object.keys(payloads) as ReadonlyArray<HappeningType>

/** `subject` is `daemon`, `relay/<id>` or `agent/<name>`. */
export type Happening = {
  readonly [T in HappeningType]: {
    readonly type: T
    readonly subject: string
    readonly session: string | undefined
    readonly payload: Payload<T>
  }
}[HappeningType]

export type Told<T extends HappeningType = HappeningType> = Extract<Happening, { readonly type: T }>

type Listener = (happening: Happening) => void

export const ofAgent = (agent: string): string => `agent/${agent}`
export const relaySubject = (relay: string): string => `relay/${relay}`

/** One for each daemon. */
export class HappeningsFeed {
  #listeners: ReadonlyArray<Listener> = []
  /** A listener wants arguments and results, too. */
  withContent = false
  readonly #run = randomBytes(6).toString("base64url")
  #calls = 0

  /** Names one more call. */
  nextCall(): string {
    return `${this.#run}-${++this.#calls}`
  }

  /** Whether anybody listens: what only they need is not put together otherwise. */
  get heard(): boolean {
    return this.#listeners.length > 0
  }

  /** Listeners are called before this returns. They are to take what they are given and do nothing else. */
  tell<T extends HappeningType>(
    type: T,
    subject: string,
    payload: Payload<T>,
    session?: string
  ): void {
    if (this.#listeners.length === 0) return
    // The type of a union's member does not follow from its parts.
    const happening = { type, subject, session, payload } as Told<T>
    for (const listener of this.#listeners) listener(happening)
  }

  /** While the scope is open. */
  listen(listener: Listener): Effect.Effect<void, never, Scope.Scope> {
    return Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => {
        this.#listeners = [...this.#listeners, listener]
      }),
      () =>
        Effect.sync(() => {
          this.#listeners = this.#listeners.filter((one) => one !== listener)
        })
    ))
  }
}

/** Where the runner provides none, nobody listens. */
export const Happenings = Context.Reference<HappeningsFeed>("holdfast/observability/Happenings", {
  defaultValue: () => new HappeningsFeed()
})
