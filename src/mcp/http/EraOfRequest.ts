/**
 * Which era a POST is of, decided by its body first, and what a modern one's headers must say (MCP 2026-07-28,
 * transports, header validation and compatibility).
 */
import type { IncomingHttpHeaders } from "node:http"
import * as Envelope from "../../domain/Envelope.ts"
import { codes } from "../../domain/JsonRpcError.ts"
import * as McpHeaders from "../../domain/McpHeaders.ts"
import type { Batch, Message, Notification, Request } from "../../domain/Message.ts"
import { type Era, eraOf, modernVersions } from "../../domain/ProtocolVersion.ts"
import { type Refusal, refusal } from "./Refusal.ts"

const versionHeader = "mcp-protocol-version"
const methodHeader = "mcp-method"
const nameHeader = "mcp-name"

/** A header that Node joins or that was sent once; never a list. */
export const header = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === "string" ? value.trim() : undefined
}

const invalid = (id: string | null, message: string, envelope: unknown): Refusal =>
  refusal(400, message, { code: codes.invalidParams, id, data: { envelope } })

const mismatch = (id: string | null, name: string, value: string | undefined, body: string): Refusal =>
  refusal(400, `the request's headers and body disagree: ${body}`, {
    code: codes.headerMismatch,
    id,
    data: { mismatch: { header: value ?? `(${name} is missing)`, body } }
  })

/** The era, or why the message is of neither. */
export const eraOfPost = (message: Message | Batch, headers: IncomingHttpHeaders): Era | Refusal => {
  switch (message._tag) {
    case "Request":
      return ofRequest(message, headers)
    case "Notification":
      return ofNotification(message, headers)
    case "Response":
      return "legacy"
    case "Batch":
      return message.messages.some((part) => part._tag !== "Response" && Envelope.claims(part.params))
        ? refusal(400, "revision 2026-07-28 has no batches; send each message by itself")
        : "legacy"
  }
}

const namesModern = (version: string | undefined): version is string =>
  version !== undefined && eraOf(version) === "modern"

const ofRequest = (request: Request, headers: IncomingHttpHeaders): Era | Refusal => {
  const { id, method, params } = request
  const version = header(headers, versionHeader)
  const claims = Envelope.claims(params)
  // Most requests are of the legacy era, and say nothing of the other.
  if (!claims && method !== "initialize" && !namesModern(version)) return "legacy"
  const claimed = Envelope.revision(params)
  const [fault] = Envelope.faults(params)
  if (method === "initialize" && (fault !== undefined || claimed === undefined || eraOf(claimed) === "legacy")) {
    return namesModern(version)
      ? mismatch(id, versionHeader, version, "initialize belongs to the revisions with sessions")
      : "legacy"
  }
  if (claims) {
    if (fault !== undefined) return invalid(id, `_meta is malformed: ${fault.key}: ${fault.problem}`, fault)
    return modernFault(request, headers, claimed ?? "") ?? "modern"
  }
  if (!namesModern(version)) return "legacy"
  const missing = params["_meta"] === undefined
    ? ["_meta"]
    : Envelope.faults(params).filter(({ problem }) => problem === "missing").map(({ key }) => key)
  return invalid(
    id,
    `MCP-Protocol-Version names revision ${version}, but the request lacks ${missing.join(", ")}`,
    { missing }
  )
}

const modernFault = (request: Request, headers: IncomingHttpHeaders, claimed: string): Refusal | undefined => {
  const { id, method, params } = request
  const version = header(headers, versionHeader)
  const named = header(headers, methodHeader)
  if (version !== undefined && version !== claimed) {
    return mismatch(id, versionHeader, version, `the body names revision ${claimed}`)
  }
  if (named !== undefined && McpHeaders.decode(named) !== method) {
    return mismatch(id, methodHeader, named, `the body names the method ${method}`)
  }
  if (!modernVersions.some((known) => known === claimed)) {
    return refusal(400, `revision ${claimed} is not supported; use one of ${modernVersions.join(", ")}`, {
      code: codes.unsupportedVersion,
      id,
      data: { supported: modernVersions, requested: claimed }
    })
  }
  if (version === undefined) return mismatch(id, versionHeader, version, `the body names revision ${claimed}`)
  if (named === undefined) return mismatch(id, methodHeader, named, `the body names the method ${method}`)
  const source = McpHeaders.nameOf(method, params)
  if (source === undefined) return undefined
  const name = header(headers, nameHeader)
  const body = `the body names ${JSON.stringify(source.value)} as ${source.member}`
  if (name === undefined) return source.value === undefined ? undefined : mismatch(id, nameHeader, name, body)
  const decoded = McpHeaders.decode(name)
  if (decoded === undefined) return mismatch(id, nameHeader, name, "Mcp-Name is not Base64 of UTF-8")
  return source.value !== undefined && decoded !== source.value ? mismatch(id, nameHeader, name, body) : undefined
}

const ofNotification = ({ method, params }: Notification, headers: IncomingHttpHeaders): Era | Refusal => {
  const version = header(headers, versionHeader)
  const claims = Envelope.claims(params)
  const claimed = Envelope.revision(params)
  if (claims && claimed === undefined) {
    return invalid(null, "_meta is malformed: the revision has to be a string", { key: Envelope.protocolVersion })
  }
  if (claimed !== undefined && version !== undefined && version !== claimed) {
    return mismatch(null, versionHeader, version, `the body names revision ${claimed}`)
  }
  if (!namesModern(claimed ?? version)) return "legacy"
  const named = header(headers, methodHeader)
  return named !== undefined && named !== method
    ? mismatch(null, methodHeader, named, `the body names the method ${method}`)
    : "modern"
}
