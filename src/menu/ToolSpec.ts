/** What the outbox and the session have to know of a tool. */
import { Option, Predicate, Schema } from "effect"

export interface ToolSpec {
  readonly name: string
  /** Its input schema names `idempotencyKey`; that it would let extra properties pass is not enough. */
  readonly declaresKey: boolean
  readonly idempotentHint: boolean
  readonly readOnlyHint: boolean
  /** `execution.taskSupport` is `required` (2025-11-25, tasks): each call carries a `task`. */
  readonly requiresTask: boolean
  /** `_meta["holdfast/neverQueued"]` is true: whoever defines the tool wants a call now or not at all. */
  readonly neverQueued: boolean
}

const ListResult = Schema.fromJsonString(Schema.Struct({ tools: Schema.Array(Schema.Unknown) }))
const decode = Schema.decodeOption(ListResult)

const member = (value: unknown, key: string): unknown =>
  Predicate.isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined

const specOf = (tool: unknown): ReadonlyArray<ToolSpec> => {
  const name = member(tool, "name")
  if (!Predicate.isString(name)) return []
  const annotations = member(tool, "annotations")
  return [{
    name,
    declaresKey: member(member(member(tool, "inputSchema"), "properties"), "idempotencyKey") !== undefined,
    idempotentHint: member(annotations, "idempotentHint") === true,
    readOnlyHint: member(annotations, "readOnlyHint") === true,
    requiresTask: member(member(tool, "execution"), "taskSupport") === "required",
    neverQueued: member(member(tool, "_meta"), "holdfast/neverQueued") === true
  }]
}

/** The tools of a tools/list result, by name. A definition that is malformed says nothing of the others. */
export const toolSpecs = (result: string): ReadonlyMap<string, ToolSpec> =>
  new Map(
    Option.match(decode(result), { onNone: () => [], onSome: ({ tools }) => tools }).flatMap(specOf).map((
      spec
    ) => [spec.name, spec])
  )
