/** The only table of what the revisions of MCP say of each method. */
import type { Era } from "./ProtocolVersion.ts"

/** Which of BEHAVIOUR 4's bounds a request has: 10 s, 30 s, 10 min. */
export type TimeoutClass = "list" | "read" | "call"

export interface MethodFacts {
  readonly eras: Era | "both"
  readonly timeout: TimeoutClass
  /** It changes nothing, so it may be sent again where it was cut off. */
  readonly onlyReads: boolean
  /** Its result says for how long it may be cached (MCP 2026-07-28, caching). */
  readonly cacheable: boolean
  /**
   * Its result is always `{}`. It proves nothing of the relay's answer, and a relay without sessions need not be asked.
   */
  readonly emptyResult: boolean
  /** The member of `params` that the header `Mcp-Name` mirrors (MCP 2026-07-28, standard request headers). */
  readonly named?: "name" | "uri" | "taskId"
}

/** The lists, and the member of each one's result that holds its items. */
export const itemsOf = {
  "tools/list": "tools",
  "prompts/list": "prompts",
  "resources/list": "resources",
  "resources/templates/list": "resourceTemplates"
} as const
export type ListMethod = keyof typeof itemsOf

/** What tells of a change of a list, and the capability of a server that has one. */
export const changeOf: Readonly<Record<ListMethod, { readonly notification: string; readonly capability: string }>> = {
  "tools/list": { notification: "notifications/tools/list_changed", capability: "tools" },
  "prompts/list": { notification: "notifications/prompts/list_changed", capability: "prompts" },
  "resources/list": { notification: "notifications/resources/list_changed", capability: "resources" },
  "resources/templates/list": { notification: "notifications/resources/list_changed", capability: "resources" }
}

/** Their notifications. */
export const listChanges: ReadonlySet<string> = new Set(Object.values(changeOf).map(({ notification }) => notification))

export const isList = (method: string): method is ListMethod => Object.hasOwn(itemsOf, method)

const list: MethodFacts = { eras: "both", timeout: "list", onlyReads: true, cacheable: true, emptyResult: false }
const read = (more: Partial<MethodFacts> = {}): MethodFacts => ({
  eras: "both",
  timeout: "read",
  onlyReads: true,
  cacheable: false,
  emptyResult: false,
  ...more
})
const change = (eras: MethodFacts["eras"], more: Partial<MethodFacts> = {}): MethodFacts => ({
  eras,
  timeout: "read",
  onlyReads: false,
  cacheable: false,
  emptyResult: false,
  ...more
})

export const methods: ReadonlyMap<string, MethodFacts> = new Map(Object.entries({
  "initialize": change("legacy", { timeout: "list" }),
  "server/discover": change("modern", { cacheable: true }),
  "ping": read({ eras: "legacy", emptyResult: true }),
  "tools/list": list,
  "tools/call": change("both", { timeout: "call", named: "name" }),
  "prompts/list": list,
  "prompts/get": read({ named: "name" }),
  "resources/list": list,
  "resources/templates/list": list,
  "resources/read": read({ cacheable: true, named: "uri" }),
  "resources/subscribe": change("legacy", { emptyResult: true }),
  "resources/unsubscribe": change("legacy", { emptyResult: true }),
  "completion/complete": read(),
  "logging/setLevel": change("legacy", { emptyResult: true }),
  "subscriptions/listen": change("modern"),
  "tasks/get": read({ named: "taskId" }),
  "tasks/update": change("both", { named: "taskId" }),
  "tasks/cancel": change("both", { named: "taskId" })
}))

/** A method that no revision knows passes through; nothing is assumed of it. */
const unknown = change("both")
const unknownList = change("both", { timeout: "list" })

export const isKnown = (method: string): boolean => methods.has(method)

export const factsOf = (method: string): MethodFacts =>
  methods.get(method) ?? (method.endsWith("/list") ? unknownList : unknown)

export const isIn = (method: string, era: Era): boolean => {
  const { eras } = factsOf(method)
  return eras === "both" || eras === era
}
