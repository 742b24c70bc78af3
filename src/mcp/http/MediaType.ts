/** What a request says of media types: its Content-Type, and what its Accept allows (RFC 9110, sections 8.3 and 12.5). */

const essence = (text: string): string => (text.split(";", 1)[0] ?? "").trim().toLowerCase()

/** JSON, in UTF-8 where a charset is named. */
export const isJson = (contentType: string | undefined): boolean => {
  if (contentType === "application/json") return true
  if (contentType === undefined || essence(contentType) !== "application/json") return false
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType)?.[1]
  return charset === undefined || /^utf-?8$/i.test(charset)
}

/** What the official clients send. */
const usual = "application/json, text/event-stream"
const usualTypes: ReadonlySet<string> = new Set(["application/json", "text/event-stream"])

/** Whether the `Accept` header names `type`, itself or by a wildcard, and not with a weight of zero. */
export const accepts = (accept: string | undefined, type: `${string}/${string}`): boolean => {
  if (accept === undefined) return false
  if (accept === usual) return usualTypes.has(type)
  const wildcard = `${type.slice(0, type.indexOf("/"))}/*`
  return accept.split(",").some((range) =>
    [type, wildcard, "*/*"].includes(essence(range)) && !/;\s*q=0(\.0*)?\s*(;|$)/i.test(range)
  )
}
