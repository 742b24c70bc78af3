/**
 * The clients that authorization servers registered for us: kept in a 0600 file of the data directory, so that the next
 * login at the same server registers no other one. One for each issuer and way to log in.
 */
import { Effect, Option, Schema } from "effect"
import { DataDirectory } from "../../storage/DataDirectory.ts"

export const KnownClient = Schema.Struct({
  issuer: Schema.String,
  /** Where the browser comes back to; `null` of a client that logs in by device authorization. */
  redirectUri: Schema.NullOr(Schema.String),
  /** What it may ask for; `null` where it was registered without saying. */
  scopes: Schema.NullOr(Schema.Array(Schema.String)),
  id: Schema.String,
  secret: Schema.optionalKey(Schema.String),
  methods: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Milliseconds since the epoch; `null` where the secret does not end. */
  secretExpiresAt: Schema.NullOr(Schema.Number)
})
export type KnownClient = typeof KnownClient.Type

const fileName = "registered-clients.json"
const Text = Schema.fromJsonString(Schema.Array(KnownClient))

const all = Effect.gen(function*() {
  const directory = yield* DataDirectory
  const text = yield* directory.readSecretFile(fileName)
  return Option.getOrElse(Option.flatMap(text, Schema.decodeOption(Text)), (): ReadonlyArray<KnownClient> => [])
})

/** By device authorization, or by a browser that comes back to this machine. */
const sameWay = (client: KnownClient, byDevice: boolean): boolean => (client.redirectUri === null) === byDevice

export const find = Effect.fnUntraced(function*(issuer: string, byDevice: boolean) {
  const found = (yield* all).find((client) => client.issuer === issuer && sameWay(client, byDevice))
  return Option.fromUndefinedOr(found)
})

/** In the place of the one that is kept for the same issuer and way. */
export const save = Effect.fnUntraced(function*(client: KnownClient) {
  const directory = yield* DataDirectory
  const others = (yield* all).filter(({ issuer, ...rest }) =>
    issuer !== client.issuer || !sameWay({ issuer, ...rest }, client.redirectUri === null)
  )
  const text = yield* Effect.orDie(Schema.encodeEffect(Text)([...others, client]))
  yield* directory.writeAtomically(fileName, `${text}\n`)
})
