/**
 * Hands credentials to a program that runs for a while, turn by turn: in 0600 files of a 0700 directory, which are
 * renewed while it runs, and in variables, which stay as they were when its process started.
 *
 * Only credentials with `handOver` are handed over. `endTurn` removes their files, except retained ones. When the scope
 * closes, all files are removed, except retained ones that have a directory of their own.
 */
import { Context, Duration, Effect, FileSystem, Layer, Path, Redacted } from "effect"
import { type CredentialSettings, isRetained } from "../config/CredentialSettings.ts"
import { Settings } from "../config/Settings.ts"
import * as CredentialDirectory from "./CredentialDirectory.ts"
import { CredentialSources, type CredentialUnavailable, type IssuedCredential } from "./CredentialSources.ts"
import * as HandOverForm from "./HandOverForm.ts"
import * as OnDemandCredential from "./OnDemandCredential.ts"

/** A turn begins with credentials that came no longer ago than this. */
const maxAgeAtTurn = Duration.toMillis("60 seconds")
const renewInterval = "30 seconds"

export interface Turn {
  /** Tokens and paths of files, by variable. */
  readonly env: Readonly<Record<string, Redacted.Redacted>>
  /** The credentials that this turn lacks, and why. */
  readonly unavailable: ReadonlyArray<CredentialUnavailable>
}

interface Handed {
  readonly name: string
  readonly settings: CredentialSettings
  readonly file: string
  readonly fresh: OnDemandCredential.OnDemandCredential
  /** What the file holds; `undefined` where there is none. */
  written: string | undefined
}

export class RuntimeCredentials extends Context.Service<RuntimeCredentials, {
  /** Asks all sources at once, for 10 s each. A source that fails costs its own credential only. */
  readonly beginTurn: Effect.Effect<Turn>
  readonly endTurn: Effect.Effect<void>
}>()("holdfast/credentials/RuntimeCredentials") {
  static readonly layerNoDeps = Layer.effect(
    RuntimeCredentials,
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const { credentials } = yield* Settings
      const { sources } = yield* CredentialSources
      const directory = yield* CredentialDirectory.make
      const retained = yield* CredentialDirectory.retained(directory)

      const all: Array<Handed> = []
      for (const [name, settings] of Object.entries(credentials)) {
        const source = sources.get(name)
        if (source === undefined || settings.handOver === undefined) continue
        all.push({
          name,
          settings,
          file: path.join(isRetained(settings) ? retained : directory, encodeURIComponent(name)),
          fresh: yield* OnDemandCredential.make(name, source.ask, { logged: false }),
          written: undefined
        })
      }
      let inTurn = false

      /** Whole or not at all, since it is read at any time. Gives the variables that go with it. */
      const place = Effect.fnUntraced(function*(handed: Handed, issued: IssuedCredential) {
        const { env, text } = yield* HandOverForm.given(handed.name, handed.settings, issued, handed.file)
        yield* write(handed, Redacted.value(text))
        return env
      })

      const write = Effect.fnUntraced(function*(handed: Handed, text: string) {
        if (handed.written === text) return
        // Others may write a retained one at the same time.
        const draft = `${handed.file}.${process.pid}`
        yield* fs.writeFileString(draft, text, { mode: 0o600 })
        yield* fs.rename(draft, handed.file)
        handed.written = text
      }, Effect.orDie)

      const remove = Effect.fnUntraced(function*(handed: Handed) {
        handed.written = undefined
        yield* fs.remove(handed.file, { force: true })
      }, Effect.orDie)

      const renew = Effect.suspend(() =>
        Effect.forEach(
          inTurn ? all : [],
          (handed) => handed.fresh.get.pipe(Effect.flatMap((issued) => place(handed, issued)), Effect.ignore),
          {
            concurrency: "unbounded"
          }
        )
      )
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(renewInterval), renew)))

      return RuntimeCredentials.of({
        beginTurn: Effect.gen(function*() {
          inTurn = true
          const answers = yield* Effect.forEach(all, (handed) =>
            Effect.result(
              handed.fresh.getWithin(maxAgeAtTurn).pipe(Effect.flatMap((issued) => place(handed, issued)))
            ), { concurrency: "unbounded" })
          const given = answers.flatMap((answer) => answer._tag === "Success" ? answer.success : [])
          const unavailable = answers.flatMap((answer) => answer._tag === "Failure" ? [answer.failure] : [])
          return { env: Object.fromEntries(given), unavailable }
        }),
        endTurn: Effect.suspend(() => {
          inTurn = false
          return Effect.forEach(
            all.filter(({ settings }) => !isRetained(settings)),
            remove,
            { discard: true }
          )
        })
      })
    })
  )
}
