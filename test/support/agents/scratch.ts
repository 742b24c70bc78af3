/** A home of the test's own, with commands that tell how they were started. */
import { Effect } from "effect"
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

export interface Scratch {
  readonly path: string
  readonly file: (...segments: ReadonlyArray<string>) => string
  readonly write: (text: string, ...segments: ReadonlyArray<string>) => string
  readonly read: (...segments: ReadonlyArray<string>) => string
  /** `holdfast`'s environment: this home, these commands first. */
  readonly environment: Readonly<Record<string, string>>
}

export const scratch = Effect.acquireRelease(
  Effect.sync((): Scratch => {
    const path = realpathSync(mkdtempSync(join(tmpdir(), "holdfast-scratch-")))
    const file = (...segments: ReadonlyArray<string>) => join(path, ...segments)
    const write = (text: string, ...segments: ReadonlyArray<string>) => {
      mkdirSync(dirname(file(...segments)), { recursive: true })
      writeFileSync(file(...segments), text)
      return file(...segments)
    }
    return {
      path,
      file,
      write,
      read: (...segments) => readFileSync(file(...segments), "utf8"),
      environment: {
        HOME: path,
        XDG_CONFIG_HOME: file(".config"),
        XDG_STATE_HOME: file(".state"),
        PATH: `${file("bin")}:${process.env["PATH"]}`
      }
    }
  }),
  ({ path }) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A command that prints its arguments, a line each, and what of Holdfast is in its environment. */
export const telling = (scratch: Scratch, name: string, more = ""): void => {
  const file = scratch.write(
    `#!/bin/sh
for each in "$@"; do printf 'argument %s\\n' "$each"; done
printf 'endpoint %s\\nagent %s\\nsecret %s\\n' "$HOLDFAST_ENDPOINT" "$HOLDFAST_AGENT" "$HOLDFAST_AGENT_SECRET"
${more}
`,
    "bin",
    name
  )
  chmodSync(file, 0o755)
}

/** What a telling command told. */
export const told = (stdout: string) => {
  const of = (word: string) =>
    stdout.split("\n").flatMap((line) => line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : [])
  return {
    args: of("argument"),
    endpoint: of("endpoint")[0],
    agent: of("agent")[0] ?? "",
    secret: of("secret")[0] ?? ""
  }
}
