/**
 * The menu only narrows: what the agent sees is a subset of the relay's list, in its order, each definition byte for
 * byte (guarantee 3). Hiding saves the agent's context window; it protects nothing.
 */
import { Context, Effect, Option } from "effect"
import { type MenuRule, Settings } from "../config/Settings.ts"
import * as ToolNames from "../config/ToolNames.ts"
import type { Facts } from "../context/ContextState.ts"
import * as JsonText from "../domain/JsonText.ts"
import { itemText, type ListItem, type ListText, mapItems, nameOf } from "../domain/ListText.ts"

/** The rule by which a tool is hidden, if it is. */
export type Hides = (tool: string) => Option.Option<MenuRule>

/** Of an agent that sees every tool. */
export const hidesNothing: Hides = () => Option.none()

/** The rules, compiled once, then asked with the facts that hold. */
export const compile = (rules: ReadonlyArray<MenuRule>): (facts: Facts) => Hides => {
  const compiled = rules.map((rule) => ({ rule, matches: ToolNames.matcher(rule.tools) }))
  return (facts) => {
    const lacking = compiled.filter(({ rule }) => !facts.has(rule.needs))
    return (tool) => Option.fromUndefinedOr(lacking.find(({ matches }) => matches(tool))?.rule)
  }
}

/** An embedding program's own rules, in the place of the settings' (BEHAVIOUR 12). */
export const OwnRules = Context.Reference<Option.Option<(facts: Facts) => Hides>>("holdfast/menu/OwnRules", {
  defaultValue: Option.none
})

const hideNothing = (): Hides => hidesNothing

/** The rules in force. */
export const rules = Effect.gen(function*() {
  const { menu } = yield* Settings
  if (menu.narrow === "never") return hideNothing
  return Option.getOrElse(yield* OwnRules, () => compile(menu.rules))
})

/**
 * Whether the rules are worth it for a client. One that searches tools by itself shows its model names alone, so a hidden
 * tool saves some bytes and the news of it costs more. An embedding program's own rules were asked for.
 */
export const worthwhile = Effect.gen(function*() {
  const { menu } = yield* Settings
  const searching = new Set(menu.searchesTools)
  const askedFor = menu.narrow === "always" || Option.isSome(yield* OwnRules)
  return (clientName: string): boolean => askedFor || !searching.has(clientName)
})

/**
 * A tools/list result without the hidden tools; `nextCursor` and whatever else it holds stay. A result that was
 * narrowed is for this agent alone, so a `cacheScope` becomes `private` (2026-07-28, caching).
 */
export const narrow = (list: ListText, hides: Hides): string =>
  without(list, (tool) => {
    const name = nameOf(tool)
    return name !== undefined && Option.isSome(hides(name))
  })

/** The same, by the tool or its place in the list. */
export const without = (list: ListText, isHidden: (tool: ListItem, index: number) => boolean): string => {
  const narrowed = mapItems(list, (tool, index) => isHidden(tool, index) ? undefined : itemText(list, tool))
  return narrowed === list.text || JsonText.at(narrowed, ["cacheScope"]) === undefined
    ? narrowed
    : JsonText.set(narrowed, ["cacheScope"], "\"private\"")
}

/** Official clients reject a queued acknowledgement against a tool's `outputSchema`, so bufferable tools show none. */
export const withoutOutputSchema = (list: ListText, isBufferable: (tool: string) => boolean): string =>
  mapItems(list, (tool) => {
    const name = nameOf(tool)
    const text = itemText(list, tool)
    return name !== undefined && isBufferable(name) ? JsonText.remove(text, ["outputSchema"]) : text
  })
