/**
 * The lists as the relay last gave them, on disk, so that an agent that connects during an outage has a menu (BEHAVIOUR 2).
 *
 * Kept by relay, agent, principal, protocol version and client capabilities; where none is kept under that exact key,
 * the newest one for the same relay, agent and principal serves. Never one kept under another principal.
 */
import { Context, type Effect, type Option } from "effect"
import type { AgentName, PrincipalId } from "../domain/Ids.ts"

export type ListMethod = "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list"

/** The member of a list's result that holds its items. */
export const itemsOf: Record<ListMethod, string> = {
  "tools/list": "tools",
  "prompts/list": "prompts",
  "resources/list": "resources",
  "resources/templates/list": "resourceTemplates"
}

export interface ListKey {
  readonly agent: AgentName
  readonly principal: PrincipalId
  readonly protocolVersion: string
  /** A digest of the client's capabilities. */
  readonly capabilities: string
}

export interface KeptList {
  readonly fetchedAt: number
  /** The result's text, all pages as one, unnarrowed. */
  readonly result: string
}

/** What the outbox and the session have to know of a tool. */
export interface ToolSpec {
  readonly name: string
  readonly declaresKey: boolean
  readonly idempotentHint: boolean
  readonly readOnlyHint: boolean
}

/** One for each relay. */
export class KeptLists extends Context.Service<KeptLists, {
  readonly keep: (key: ListKey, method: ListMethod, result: string) => Effect.Effect<KeptList>
  readonly find: (key: ListKey, method: ListMethod) => Effect.Effect<Option.Option<KeptList>>
  /** From the list that `find` would give; `None` where nothing is known of the tool. */
  readonly tool: (key: ListKey, name: string) => Effect.Effect<Option.Option<ToolSpec>>
}>()("holdfast/menu/KeptLists") {}
