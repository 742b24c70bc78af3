/**
 * What a person's login left: kept in a 0600 file of the data directory, replaced whole. One for each relay, and one for
 * each agent that has a login of its own there.
 */
import { Effect, Option, Schema } from "effect"
import { AgentName, type RelayId } from "../../domain/Ids.ts"
import { DataDirectory } from "../../storage/DataDirectory.ts"
import { PrivateJwk } from "./ProofKey.ts"

export const Login = Schema.Struct({
  issuer: Schema.String,
  tokenEndpoint: Schema.String,
  /** The URL of the settings that led to the issuer: the relay's, or the issuer's own. */
  namedBy: Schema.optionalKey(Schema.String),
  /** How the client shows who it is at the token endpoint; absent as in the server's metadata. */
  methods: Schema.optionalKey(Schema.Array(Schema.String)),
  clientId: Schema.String,
  clientSecret: Schema.optionalKey(Schema.String),
  resource: Schema.String,
  scopes: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Names the login: another one replaces it. */
  id: Schema.String,
  /** Who logged in, as the issuer calls them: the same person is the same principal. Absent where it did not say. */
  subject: Schema.optionalKey(Schema.String),
  /** The same for people to read. */
  name: Schema.optionalKey(Schema.String),
  /** The key that the tokens are bound to, where they are (RFC 9449). */
  key: Schema.optionalKey(PrivateJwk),
  refreshToken: Schema.NullOr(Schema.String),
  accessToken: Schema.String,
  /** Milliseconds since the epoch, where the server told. */
  expiresAt: Schema.NullOr(Schema.Number)
})
export type Login = typeof Login.Type

const Text = Schema.fromJsonString(Login)

/** Some file systems tell no case apart; names that differ in it have different files there, too. */
const caseless = (name: string): string => name.replace(/[A-Z]/g, (letter) => `=${letter.toLowerCase()}`)
const cased = (name: string): string => name.replace(/=([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** No relay's or agent's name holds an at sign or an equals sign. */
export const nameOf = (relay: RelayId, agent?: AgentName): string =>
  `login-${caseless(relay)}${agent === undefined ? "" : `@${caseless(agent)}`}.json`

/** The agent whose own login at the relay the file is, by its name. */
export const agentOf = (relay: RelayId, fileName: string): Option.Option<AgentName> => {
  const [start, end] = [`login-${caseless(relay)}@`, ".json"]
  if (!fileName.startsWith(start) || !fileName.endsWith(end)) return Option.none()
  const agent = decodeAgent(cased(fileName.slice(start.length, -end.length)))
  return Option.filter(agent, (name) => nameOf(relay, name) === fileName)
}

const decodeAgent = Schema.decodeOption(AgentName)

/** `None` where nobody logged in, or the file cannot be understood. */
export const read = Effect.fnUntraced(function*(relay: RelayId, agent?: AgentName) {
  const directory = yield* DataDirectory
  const text = yield* directory.readSecretFile(nameOf(relay, agent))
  return Option.flatMap(text, Schema.decodeOption(Text))
})

/** On disk when this returns. */
export const write = Effect.fnUntraced(function*(relay: RelayId, login: Login, agent?: AgentName) {
  const directory = yield* DataDirectory
  const text = yield* Effect.orDie(Schema.encodeEffect(Text)(login))
  yield* directory.writeAtomically(nameOf(relay, agent), `${text}\n`)
})
