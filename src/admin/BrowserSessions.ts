/**
 * Browsers that are signed in to the dashboard (BEHAVIOUR 11).
 *
 * A link is good once, for two minutes, at the daemon that made it. What it buys is a cookie together with a key that the
 * page keeps in its own origin's storage. Browsers send a cookie to every port of a host, so the cookie alone opens
 * nothing. A session ends with its sign-out or after 12 hours; it outlives a restart of the daemon. On disk are digests.
 */
import { Clock, Context, Effect, Layer, Option, Schema } from "effect"
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import { DataDirectory } from "../storage/DataDirectory.ts"

const linkLife = 2 * 60_000
const sessionLife = 12 * 3_600_000
/** The oldest gives way. */
const maxSessions = 16
const maxLinks = 16

const file = "browser-sessions.json"

/** Digests in base64url; the end in milliseconds since the epoch. */
const Saved = Schema.Array(Schema.Struct({ cookie: Schema.String, key: Schema.String, expiresAt: Schema.Int }))
type Session = (typeof Saved.Type)[number]
const SavedText = Schema.fromJsonString(Saved)
const decode = Schema.decodeUnknownOption(SavedText)
const encode = Schema.encodeSync(SavedText)

const digest = (text: string): string => createHash("sha256").update(text).digest("base64url")
const secret = (): string => randomBytes(32).toString("base64url")
const now = Effect.map(Clock.currentTimeMillis, Math.floor)

export interface SignedIn {
  readonly cookie: string
  readonly key: string
  readonly expiresAt: number
}

interface Storage {
  readonly read: Effect.Effect<Option.Option<string>>
  readonly write: (text: string) => Effect.Effect<void>
}

export class BrowserSessions extends Context.Service<BrowserSessions, {
  /** A new link's ticket, and until when it is good. */
  readonly ticket: Effect.Effect<{ readonly ticket: string; readonly expiresAt: number }>
  /** Uses the ticket up. */
  readonly signIn: (ticket: string) => Effect.Effect<Option.Option<SignedIn>>
  /** Whether both belong to one session that has not ended. */
  readonly isSignedIn: (cookie: string, key: string) => Effect.Effect<boolean>
  readonly signOut: (cookie: string) => Effect.Effect<void>
  /** Ends every session, and makes every link worthless. */
  readonly signOutAll: Effect.Effect<void>
}>()("holdfast/admin/BrowserSessions") {
  static readonly layerNoDeps = Layer.effect(
    BrowserSessions,
    Effect.gen(function*() {
      const directory = yield* DataDirectory
      return yield* make({
        read: Effect.orElseSucceed(directory.readSecretFile(file), Option.none),
        write: (text) =>
          Effect.catch(
            directory.writeAtomically(file, text),
            ({ message }) => Effect.logWarning("the browsers' sessions last until the daemon stops", { why: message })
          )
      })
    })
  )

  static readonly layerMemory = Layer.effect(
    BrowserSessions,
    Effect.suspend(() => make({ read: Effect.succeedNone, write: () => Effect.void }))
  )
}

const make = Effect.fnUntraced(function*({ read, write }: Storage) {
  const tickets = new Map<string, number>()
  const sessions = new Map<string, Session>()
  /** Nothing is read before a browser comes. */
  const loaded = yield* Effect.cached(Effect.map(read, (text) => {
    for (const session of Option.getOrElse(Option.flatMap(text, decode), () => [])) {
      sessions.set(session.cookie, session)
    }
  }))

  const keep = Effect.suspend(() => write(encode([...sessions.values()])))

  const forgetEnded = (at: number): void => {
    for (const [ticket, expiresAt] of tickets) if (expiresAt <= at) tickets.delete(ticket)
    for (const { cookie, expiresAt } of sessions.values()) if (expiresAt <= at) sessions.delete(cookie)
  }

  const dropOldest = (all: Map<string, unknown>, max: number): void => {
    for (const name of [...all.keys()].slice(0, Math.max(0, all.size - max))) all.delete(name)
  }

  return BrowserSessions.of({
    ticket: Effect.map(now, (at) => {
      forgetEnded(at)
      const ticket = secret()
      const expiresAt = at + linkLife
      tickets.set(digest(ticket), expiresAt)
      dropOldest(tickets, maxLinks)
      return { ticket, expiresAt }
    }),

    signIn: Effect.fnUntraced(function*(ticket) {
      yield* loaded
      const at = yield* now
      forgetEnded(at)
      if (!tickets.delete(digest(ticket))) return Option.none()
      const signedIn = { cookie: secret(), key: secret(), expiresAt: at + sessionLife }
      const { cookie, expiresAt, key } = signedIn
      sessions.set(digest(cookie), { cookie: digest(cookie), key: digest(key), expiresAt })
      dropOldest(sessions, maxSessions)
      yield* keep
      yield* Effect.logInfo("a browser signed in to the dashboard")
      return Option.some(signedIn)
    }),

    isSignedIn: Effect.fnUntraced(function*(cookie, key) {
      yield* loaded
      const session = sessions.get(digest(cookie))
      if (session === undefined || session.expiresAt <= (yield* now)) return false
      return timingSafeEqual(Buffer.from(digest(key)), Buffer.from(session.key))
    }),

    signOut: Effect.fnUntraced(function*(cookie) {
      yield* loaded
      if (!sessions.delete(digest(cookie))) return
      yield* keep
      yield* Effect.logInfo("a browser signed out of the dashboard")
    }),

    signOutAll: Effect.gen(function*() {
      yield* loaded
      tickets.clear()
      sessions.clear()
      yield* keep
      yield* Effect.logInfo("every browser was signed out of the dashboard")
    })
  })
})
