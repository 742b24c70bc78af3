/**
 * What a server may ask of a client while a request is under way: a request of its own in the legacy era, one of the
 * `inputRequests` of an answer in the modern one (MCP 2026-07-28, multi-round-trip requests). The two differ by little.
 */
import { randomUUID } from "node:crypto"
import * as JsonRpcError from "./JsonRpcError.ts"
import * as JsonText from "./JsonText.ts"
import type { Request } from "./Message.ts"

/** The method of a question, and the capability of a client that can be asked it. */
const capabilityOf: Readonly<Record<string, string>> = {
  "elicitation/create": "elicitation",
  "sampling/createMessage": "sampling",
  "roots/list": "roots"
}

/** Of a client's capabilities those that hold in the other era, too; JSON texts. */
export const capabilities = (all: string): string => {
  const crossing = Object.values(capabilityOf).flatMap((name) => {
    const value = JsonText.at(all, [name])
    // A client of the modern era tells nobody that its roots have changed.
    return value === undefined ? [] : `"${name}":${name === "roots" ? "{}" : value}`
  })
  return `{${crossing.join(",")}}`
}

/** Whether a client with these capabilities, JSON text, can be asked anything. */
export const canBeAsked = (capabilities: string): boolean =>
  Object.values(capabilityOf).some((name) => JsonText.at(capabilities, [name]) !== undefined)

/** Whether it can be asked this. */
export const isAskable = (method: string, capabilities: string): boolean => {
  const name = capabilityOf[method]
  return name !== undefined && JsonText.at(capabilities, [name]) !== undefined
}

/** Of a question in the form of either era. */
export const methodOf = (question: string): string => String(JSON.parse(JsonText.at(question, ["method"]) ?? "null"))

/** What an answer that requires input asks, under the relay's own keys. */
export const requiredBy = (answer: string) =>
  JsonText.membersOf(answer, ["inputRequests"]).map(([key, text]) => ({ key, text, method: methodOf(text) }))

const isLink = (question: string): boolean => JsonText.at(question, ["params", "mode"]) === `"url"`

/** The request of a legacy server that puts the question; `question` is one of `inputRequests`. */
export const asRequest = (question: string, id: string): string => {
  const method = JsonText.at(question, ["method"]) ?? `""`
  const params = JsonText.at(question, ["params"])
  const request = `{"jsonrpc":"2.0","id":${id},"method":${method}${params === undefined ? "" : `,"params":${params}`}}`
  return isLink(question) && JsonText.at(question, ["params", "elicitationId"]) === undefined
    ? JsonText.set(request, ["params", "elicitationId"], JSON.stringify(randomUUID()))
    : request
}

/** One of `inputRequests`; `request` is a legacy server's. */
export const asInputRequest = (request: string): string => {
  const method = JsonText.at(request, ["method"]) ?? `""`
  const params = JsonText.at(request, ["params"])
  const question = `{"method":${method}${params === undefined ? "" : `,"params":${params}`}}`
  return isLink(question) ? JsonText.remove(question, ["params", "elicitationId"]) : question
}

/** What became of it, as `inputResponses` have it: a result. `undefined` where the answer is an error that has no such form. */
export const asInputResponse = (method: string, response: string): string | undefined =>
  JsonText.at(response, ["result"]) ?? (method === "elicitation/create" ? `{"action":"cancel"}` : undefined)

/** The response to a server's request that nobody can be asked; a ping is answered as it is to be. */
export const unanswerable = ({ id, method }: Request): string =>
  method === "ping" ? `{"jsonrpc":"2.0","id":${id},"result":{}}` : JsonRpcError.text(id, {
    code: JsonRpcError.codes.methodNotFound,
    message: `${method} cannot be asked of this client: it does not declare that, or waits for no call`
  })
