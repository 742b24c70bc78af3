/**
 * The menu only narrows: what the agent sees is a subset of the relay's list, in its order, each definition byte for
 * byte (guarantee 3). Hiding saves the agent's context window; it protects nothing.
 */
import { Context, Effect, Option, Predicate } from "effect"
import { type MenuRule, Settings } from "../config/Settings.ts"
import * as ToolNames from "../config/ToolNames.ts"
import type { Facts } from "../context/ContextState.ts"
import * as JsonText from "../domain/JsonText.ts"

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

/** The name in a definition's text. */
export const nameOf = (tool: string): string | undefined => {
  const raw = JsonText.at(tool, ["name"])
  const name: unknown = raw === undefined ? undefined : JSON.parse(raw)
  return Predicate.isString(name) ? name : undefined
}

/** The names of a tools/list result's tools, in order. */
export const namesIn = (result: string): ReadonlyArray<string | undefined> =>
  JsonText.elements(result, ["tools"]).map(nameOf)

/**
 * A tools/list result without the hidden tools; `nextCursor` and whatever else it holds stay. A result that was
 * narrowed is for this agent alone, so a `cacheScope` becomes `private` (2026-07-28, caching).
 */
export const narrow = (result: string, hides: Hides): string =>
  without(result, (tool) => {
    const name = nameOf(tool)
    return name !== undefined && Option.isSome(hides(name))
  })

/** The same, by the definition or its place in the list. */
export const without = (result: string, isHidden: (tool: string, index: number) => boolean): string => {
  const narrowed = JsonText.keepElements(result, ["tools"], (tool, index) => !isHidden(tool, index))
  return narrowed === result || JsonText.at(result, ["cacheScope"]) === undefined
    ? narrowed
    : JsonText.set(narrowed, ["cacheScope"], "\"private\"")
}

/** Official clients reject a queued acknowledgement against a tool's `outputSchema`, so bufferable tools show none. */
export const withoutOutputSchema = (result: string, isBufferable: (tool: string) => boolean): string =>
  JsonText.mapElements(result, ["tools"], (tool) => {
    const name = nameOf(tool)
    return name !== undefined && isBufferable(name) ? JsonText.remove(tool, ["outputSchema"]) : tool
  })
