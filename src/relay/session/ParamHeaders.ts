/**
 * `Mcp-Param-*`: arguments that a tool's schema marks with `x-mcp-header`, mirrored in headers (MCP 2026-07-28,
 * transports, custom headers). For calls whose agent could not send them: legacy ones, and those from the queue.
 */
import { Predicate } from "effect"
import * as JsonText from "../../domain/JsonText.ts"
import { itemText, nameOf, readList } from "../../domain/ListText.ts"
import * as McpHeaders from "../../domain/McpHeaders.ts"

interface Declaration {
  readonly header: string
  readonly path: ReadonlyArray<string>
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

const declarationsIn = (schema: unknown, path: ReadonlyArray<string> = []): ReadonlyArray<Declaration> => {
  if (!Predicate.isReadonlyObject(schema)) return []
  const mark = schema["x-mcp-header"]
  const own = Predicate.isString(mark) && token.test(mark) && path.length > 0
    ? [{ header: `mcp-param-${mark.toLowerCase()}`, path }]
    : []
  const properties = schema["properties"]
  if (!Predicate.isReadonlyObject(properties)) return own
  return [...own, ...Object.entries(properties).flatMap(([key, inner]) => declarationsIn(inner, [...path, key]))]
}

const spoken = (value: unknown): string | undefined => {
  if (Predicate.isString(value)) return value
  if (Predicate.isBoolean(value)) return String(value)
  const exact = Predicate.isNumber(value) && Number.isFinite(value)
    && (!Number.isInteger(value) || Number.isSafeInteger(value))
  return exact ? String(value) : undefined
}

/** A list of very many values is passed on unparsed, so it may be no JSON. */
const parsed = (schema: string): unknown => {
  try {
    return JSON.parse(schema)
  } catch {
    return undefined
  }
}

/** Tools that are known: those listed last. A relay may make up new names for ever. */
const maxTools = 10_000
/** Characters of one tool's name, headers and paths; more fit into no request. */
const maxLength = 4_096

const lengthOf = (name: string, declared: ReadonlyArray<Declaration>): number =>
  declared.reduce((sum, { header, path }) => sum + header.length + path.join().length, name.length)

/** What is known of one relay's tools; learned from the lists that it answers. */
export class ParamHeaders {
  readonly #tools = new Map<string, ReadonlyArray<Declaration>>()

  #learnt: string | undefined

  /** From the text of a tools/list result; the one that came last is not read again. */
  learn(result: string): void {
    if (result === this.#learnt) return
    this.#learnt = result
    const list = readList("tools", result)
    for (const tool of list.items) {
      const name = nameOf(tool)
      if (name === undefined) continue
      const text = itemText(list, tool)
      const schema = text.includes("x-mcp-header") ? JsonText.at(text, ["inputSchema"]) : undefined
      const declared = schema === undefined ? [] : declarationsIn(parsed(schema))
      this.#tools.delete(name)
      if (declared.length > 0 && lengthOf(name, declared) <= maxLength) this.#tools.set(name, declared)
    }
    for (const oldest of this.#tools.keys()) {
      if (this.#tools.size <= maxTools) break
      this.#tools.delete(oldest)
    }
  }

  /** The headers of a call, lower case. */
  of(params: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
    const name = params["name"]
    const headers: Record<string, string> = {}
    for (const { header, path } of Predicate.isString(name) ? this.#tools.get(name) ?? [] : []) {
      const value = spoken(path.reduce<unknown>(
        (value, key) => Predicate.isReadonlyObject(value) && Object.hasOwn(value, key) ? value[key] : undefined,
        params["arguments"]
      ))
      if (value !== undefined) headers[header] = McpHeaders.encode(value)
    }
    return headers
  }
}
