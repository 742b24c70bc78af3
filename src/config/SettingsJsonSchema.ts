/** Gives the settings as a JSON schema, for editors (`$schema` in `holdfast.json`) and for code that lists them. */
import { Predicate, Schema } from "effect"
import { SettingsSchema } from "./Settings.ts"

const derive = () => Schema.toJsonSchemaDocument(SettingsSchema, { onExcessProperty: "error" }).schema
let derived: ReturnType<typeof derive> | undefined

/** Derived at its first use: most commands never need it, and it takes 10 ms. */
const schema = () => derived ??= derive()

/** The text of `docs/holdfast.schema.json`. */
export const settingsJsonSchema = () => ({
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Holdfast configuration",
  ...schema()
})

export type SettingKind = "text" | "number" | "list" | "json"

export interface SettingPath {
  readonly path: ReadonlyArray<string>
  /** How a variable's text becomes this setting: as it is, as a number, as a list by commas, or as JSON. */
  readonly kind: SettingKind
}

const member = (value: unknown, key: string): unknown =>
  Predicate.isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined

const propertiesOf = (node: unknown): Readonly<Record<string, unknown>> | undefined => {
  const properties = member(node, "properties")
  return Predicate.isObject(properties) ? properties : undefined
}

/** Picks the object of a setting that may be an object or something shorter. */
const objectIn = (node: unknown): unknown => {
  const choices = member(node, "anyOf")
  return Array.isArray(choices) ? choices.find((choice) => propertiesOf(choice) !== undefined) : node
}

const kindOf = (node: unknown): SettingKind => {
  switch (member(node, "type")) {
    case "string":
      return "text"
    case "integer":
    case "number":
      return "number"
    case "array":
      return member(member(node, "items"), "type") === "string" ? "list" : "json"
    default:
      return "json"
  }
}

const pathsIn = (node: unknown, path: ReadonlyArray<string>): ReadonlyArray<SettingPath> => {
  const properties = propertiesOf(node)
  if (properties === undefined) return [{ path, kind: kindOf(node) }]
  return Object.entries(properties).flatMap(([key, child]) => pathsIn(child, [...path, key]))
}

/** All settings, one by one. */
export const settingPaths = (): ReadonlyArray<SettingPath> =>
  pathsIn(schema(), []).filter(({ path }) => path[0] !== "$schema")

/** Gives the keys at `path` where it names an object of fixed keys. */
export const keysAt = (path: ReadonlyArray<PropertyKey>): ReadonlyArray<string> => {
  const node = path.reduce<unknown>((node, key) => {
    if (typeof key === "number") return member(node, "items")
    const object = objectIn(node)
    return propertiesOf(object)?.[String(key)] ?? member(object, "additionalProperties")
  }, schema())
  return Object.keys(propertiesOf(objectIn(node)) ?? {})
}
