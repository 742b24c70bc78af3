/**
 * Whom a token stands for, so that what was cached or queued for one principal never serves another.
 *
 * A rotation within one source keeps the principal, unless the token says that it stands for somebody else.
 */
import { Context, Effect, Layer, Option, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { createHash } from "node:crypto"
import { PrincipalId } from "../domain/Ids.ts"
import { payloadOf } from "./sources/Jwt.ts"
import type { IssuedToken } from "./sources/TokenSource.ts"

// Remembers over restarts whom each source's last token stood for. A source that is away at a start stands for the
// same principal, so cached lists are shown and calls are queued as before (BEHAVIOUR 2, 5).

export interface SourceOwner {
  readonly relay: string
  /** An agent, or `*` for all who share the token. */
  readonly owner: string
  readonly source: string
}

/** Without a database, nothing is remembered. */
export const PrincipalMemory = Context.Reference<{
  readonly recall: (of: SourceOwner) => Effect.Effect<Option.Option<PrincipalId>>
  /** `name`: the person's, where the source told. Best effort: a disk that fails costs the memory, never the token. */
  readonly save: (of: SourceOwner, principal: PrincipalId, name?: string) => Effect.Effect<void>
}>("holdfast/token/PrincipalMemory", {
  defaultValue: () => ({ recall: () => Effect.succeedNone, save: () => Effect.void })
})

export const principalMemory = Layer.effect(
  PrincipalMemory,
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    return {
      recall: ({ owner, relay, source }) =>
        sql<{ readonly principal: string }>`SELECT principal FROM principals
          WHERE relay = ${relay} AND owner = ${owner} AND source = ${source}`.pipe(
          Effect.map(([row]) => Option.fromUndefinedOr(row && PrincipalId.make(row.principal))),
          Effect.orElseSucceed(() => Option.none())
        ),
      save: ({ owner, relay, source }, principal, name) =>
        Effect.ignore(Effect.gen(function*() {
          yield* sql`INSERT INTO principals ${sql.insert({ relay, owner, source, principal })}
            ON CONFLICT DO UPDATE SET principal = excluded.principal`
          if (name === undefined) return
          yield* sql`INSERT INTO principal_names ${sql.insert({ principal, name })}
            ON CONFLICT DO UPDATE SET name = excluded.name`
        }))
    }
  })
)

const OneOrMore = Schema.Union([Schema.String, Schema.Array(Schema.String)])

const Claims = Schema.Struct({
  sub: Schema.optionalKey(Schema.String),
  aud: Schema.optionalKey(OneOrMore),
  scope: Schema.optionalKey(OneOrMore),
  scp: Schema.optionalKey(OneOrMore)
})

const decodeClaims = Schema.decodeOption(Schema.fromJsonString(Claims))

/** Its order says nothing. */
const sorted = (value: typeof OneOrMore.Type | undefined): ReadonlyArray<string> =>
  (typeof value === "string" ? value.split(" ") : [...value ?? []]).sort()

/** What a JWT says of its bearer; NOT verified, which is the relay's part: it tells tokens apart and allows nothing. */
const claimsOf = (token: string): Option.Option<ReadonlyArray<unknown>> =>
  Option.map(
    Option.flatMap(payloadOf(token), decodeClaims),
    (claims) => [claims.sub ?? "", sorted(claims.aud), sorted(claims.scope ?? claims.scp)]
  )

const digest = (parts: ReadonlyArray<unknown>): PrincipalId =>
  PrincipalId.make(createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32))

/**
 * Source and what was declared of the subject; else source and what the token says of itself; else the source alone.
 * Declared scopes come on top: other rights are other tools.
 */
export const principalOf = (issued: IssuedToken): PrincipalId => {
  const scopes = issued.scopes === undefined ? [] : [{ scopes: [...issued.scopes].sort() }]
  return Option.match(issued.subject, {
    onSome: (subject) => digest([issued.source, subject, ...scopes]),
    onNone: () => {
      const claims = Option.getOrElse(claimsOf(Redacted.value(issued.value)), (): ReadonlyArray<unknown> => [])
      return digest([issued.source, ...claims, ...scopes])
    }
  })
}

/** The principal where no source is configured. */
export const principalOfNone = digest(["none"])

/**
 * Whoever it is that the source will name first: before its first token nobody knows. What was accepted for them belongs
 * to that one.
 */
export const unknownPrincipal = PrincipalId.make("unknown")
