/** The settings in force: flags over environment over configuration file over defaults (BEHAVIOUR 9). */
import { Effect, type FileSystem, Layer, Option, type Path, Predicate, Result, Schema } from "effect"
import { BadConfiguration, describe, type Given } from "./BadConfiguration.ts"
import * as ConfigFile from "./ConfigFile.ts"
import { fromEnvironment } from "./Environment.ts"
import { Settings, SettingsSchema, type SettingsValues } from "./Settings.ts"

/** All sources of settings; nothing else of the process is read. */
export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>
  /** `--config` */
  readonly config?: string | undefined
  readonly flags?: {
    readonly relay?: string | undefined
    readonly port?: number | undefined
    readonly dataDir?: string | undefined
  } | undefined
}

const fromFlags = ({ dataDir, port, relay }: NonNullable<Sources["flags"]>): ReadonlyArray<Given> =>
  [
    { path: ["relay", "url"], value: relay, from: "--relay" },
    { path: ["listen", "port"], value: port, from: "--port" },
    { path: ["dataDir"], value: dataDir, from: "--data-dir" }
  ].filter(({ value }) => value !== undefined)

/** Gives a copy with the value at the path. A value on the way that is no object stays, and becomes an issue. */
const put = (tree: unknown, [key, ...rest]: ReadonlyArray<string>, value: unknown): unknown => {
  if (key === undefined) return value
  if (tree !== undefined && !Predicate.isObject(tree)) return tree
  return { ...tree, [key]: put(tree?.[key], rest, value) }
}

const decode = Schema.decodeUnknownResult(SettingsSchema, { errors: "all", onExcessProperty: "error" })

/** Fails with all issues at once. No issue shows a secret. */
export const load = Effect.fn("Settings.load")(
  function*(
    { config, env, flags = {} }: Sources
  ): Effect.fn.Return<SettingsValues, BadConfiguration, FileSystem.FileSystem | Path.Path> {
    const file = yield* ConfigFile.locate(env, config)
    const read = Option.isNone(file)
      ? Result.succeed([])
      : yield* Effect.result(
        Effect.map(ConfigFile.read(file.value), (value) => [{ path: [], value, from: file.value }])
      )
    const environment = fromEnvironment(env)
    const givens: ReadonlyArray<Given> = [
      ...Result.getOrElse(read, () => []),
      ...environment.givens,
      ...fromFlags(flags)
    ]
    const input = givens.reduce<unknown>((tree, given) => put(tree, given.path, given.value), {})
    const decoded = decode(input)
    const issues = [
      ...Result.isFailure(read) ? read.failure.issues : [],
      ...environment.issues,
      ...Result.isFailure(decoded) ? describe(decoded.failure.issue, input, givens) : []
    ]
    return Result.isSuccess(decoded) && issues.length === 0
      ? decoded.success
      : yield* new BadConfiguration({ issues })
  }
)

export const layer = (sources: Sources) => Layer.effect(Settings, load(sources))
