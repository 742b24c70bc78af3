/**
 * Writes the headers that mirror a modern request's body, so that intermediaries can route it unread (MCP 2026-07-28,
 * transports, standard request headers).
 */
import { Predicate } from "effect"
import { factsOf } from "./Methods.ts"

const encodedBefore = "=?base64?"
const encodedAfter = "?="
const encodedForm = /^=\?base64\?[^]*\?=$/
const plain = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/

/** Gives a value as it stands in a header: in Base64 where a header cannot hold it. */
export const encode = (value: string): string =>
  (value === "" || plain.test(value)) && !value.startsWith(encodedBefore)
    ? value
    : `${encodedBefore}${Buffer.from(value, "utf8").toString("base64")}${encodedAfter}`

/** Reads such a value. `undefined` for malformed Base64 and malformed UTF-8. */
export const decode = (value: string): string | undefined => {
  if (!encodedForm.test(value)) return value
  const encoded = value.slice(encodedBefore.length, -encodedAfter.length)
  const bytes = Buffer.from(encoded, "base64")
  // Node reads more than there is one way to write, and another reader may not.
  if (bytes.toString("base64") !== encoded) return undefined
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** Gives the value of `Mcp-Name`, where the method has one and the request names something. */
export const nameOf = (method: string, params: Readonly<Record<string, unknown>>) => {
  const member = factsOf(method).named
  if (member === undefined) return undefined
  const value = params[member]
  return { member, value: Predicate.isString(value) ? value : undefined }
}

/** The headers of a request, lower case. */
export const standard = (
  method: string,
  params: Readonly<Record<string, unknown>>
): Readonly<Record<string, string>> => {
  const name = nameOf(method, params)?.value
  return { "mcp-method": encode(method), ...(name === undefined ? {} : { "mcp-name": encode(name) }) }
}
