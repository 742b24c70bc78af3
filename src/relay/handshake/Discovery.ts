/** `server/discover`: what a relay of the modern era says of itself, and so whether it is one (MCP 2026-07-28, discovery). */
import { Effect, Option, Predicate } from "effect"
import * as Envelope from "../../domain/Envelope.ts"
import type { AgentName } from "../../domain/Ids.ts"
import { codes } from "../../domain/JsonRpcError.ts"
import * as McpHeaders from "../../domain/McpHeaders.ts"
import type * as Message from "../../domain/Message.ts"
import { modernVersions } from "../../domain/ProtocolVersion.ts"
import { RelayFailure, SessionRefused } from "../RelayFailure.ts"
import { wholeAnswer } from "../transport/AnswerReading.ts"
import { carrying, type RelayCredential } from "../transport/RelayAnswer.ts"
import type { RelayTransport } from "../transport/RelayTransport.ts"
import { type Handshaken, resultOf } from "./Handshake.ts"

const method = "server/discover"
const [revision] = modernVersions

interface DiscoverRequest {
  readonly agent: AgentName
  readonly envelope: Envelope.Envelope
  /** JSON text. */
  readonly id: string
}

const responseTo = Effect.fnUntraced(
  function*(
    transport: RelayTransport["Service"],
    credential: Option.Option<RelayCredential>,
    { agent, envelope, id }: DiscoverRequest
  ) {
    const answer = yield* transport.send({
      agent,
      method: "POST",
      body: Envelope.put(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{}}`, envelope),
      headers: McpHeaders.standard(method, {}),
      protocolVersion: revision,
      ...carrying(credential)
    })
    return yield* wholeAnswer(answer, id)
  },
  Effect.scoped
)

const speaksOurs = (versions: unknown): boolean => Array.isArray(versions) && versions.includes(revision)

/** A refusal of our revision that names it as one of those to choose from: chosen, then, once. */
const invitesAgain = ({ error }: Message.Response): boolean =>
  error?.code === codes.unsupportedVersion && Predicate.hasProperty(error.data, "supported")
  && speaksOurs(error.data.supported)

/** Sends it under `id`. An answer that no modern relay gives is `SessionRefused`. */
export const discover = Effect.fnUntraced(function*(
  transport: RelayTransport["Service"],
  credential: Option.Option<RelayCredential>,
  request: DiscoverRequest
) {
  const ask = responseTo(transport, credential, request)
  const first = yield* ask
  const response = invitesAgain(first) ? yield* ask : first
  if (Predicate.hasProperty(response.result, "supportedVersions") && speaksOurs(response.result.supportedVersions)) {
    const discovered: Handshaken = {
      agent: request.agent,
      id: Option.none(),
      protocolVersion: revision,
      result: yield* resultOf(response)
    }
    return discovered
  }
  const { code, message } = response.error ?? { code: 0, message: `it does not support revision ${revision}` }
  return yield* new RelayFailure({ reason: new SessionRefused({ code, detail: message }) })
})

/** Whether the failure says that the relay is not of the modern era; a refused token or a gateway says nothing of it. */
export const isLegacy = ({ reason }: RelayFailure): boolean => {
  switch (reason._tag) {
    case "SessionRefused":
      return !modernErrors.has(reason.code)
    case "SessionLost":
      return true
    case "NotJsonRpc":
      return reason.status < 500
    default:
      return false
  }
}

/** A header mismatch and a missing capability, which only a modern relay complains of. */
const modernErrors = new Set<number>([codes.headerMismatch, codes.missingCapability])

/** Whether a refused `initialize` says that the relay has no sessions: an unsupported revision, an unknown method. */
export const isModern = ({ reason }: RelayFailure): boolean =>
  reason._tag === "SessionRefused" && (reason.code === codes.unsupportedVersion || reason.code === codes.methodNotFound)
