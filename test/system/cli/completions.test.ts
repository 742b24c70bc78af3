/** Completion scripts in the shells themselves; a shell that is not installed is skipped. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Daemon } from "../../support/Daemon.ts"

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-completions-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const installed = (shell: string) => spawnSync(shell, ["--version"]).status === 0

const script = Effect.fnUntraced(function*(shell: string) {
  const { code, stderr, stdout } = yield* Daemon.run(["--completions", shell])
  assert.strictEqual(code, 0, stderr)
  const file = join(yield* directory, `completions.${shell}`)
  writeFileSync(file, stdout)
  return { file, text: stdout }
})

const inShell = (shell: string, args: ReadonlyArray<string>) => {
  const { status, stderr, stdout } = spawnSync(shell, [...args], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"] }
  })
  assert.strictEqual(status, 0, stderr)
  return stdout
}

/** What bash offers after these words. */
const offeredByBash = (file: string, ...words: ReadonlyArray<string>) => {
  const quoted = words.map((word) => `'${word}'`).join(" ")
  const line = [
    `source '${file}'`,
    `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; COMP_LINE="${words.join(" ")}"; COMP_POINT=\${#COMP_LINE}`,
    "complete -p holdfast | sed 's/.*-F \\([^ ]*\\).*/\\1/' >/dev/null",
    "f=$(complete -p holdfast | sed 's/.*-F \\([^ ]*\\).*/\\1/')",
    `"$f" holdfast '${words.at(-1)}' '${words.at(-2)}'`,
    "printf '%s\\n' \"${COMPREPLY[@]}\""
  ].join("\n")
  return inShell("bash", ["--norc", "-c", line]).trim().split("\n").map((word) => word.trim())
}

describe("completions", () => {
  it.live("in bash offer commands, their subcommands and flags", () =>
    Effect.gen(function*() {
      const { file } = yield* script("bash")
      assert.includeMembers(offeredByBash(file, "holdfast", ""), ["serve", "exec", "outbox", "doctor"])
      assert.includeMembers(offeredByBash(file, "holdfast", "outbox", "re"), ["retry"])
      assert.includeMembers(offeredByBash(file, "holdfast", "outbox", "discard", "--"), ["--all", "--yes"])
    }))

  it.live.skipIf(!installed("zsh"))("in zsh are a function that zsh can load", () =>
    Effect.gen(function*() {
      const { file } = yield* script("zsh")
      inShell("zsh", ["--no-rcs", "-n", file])
    }))

  it.live.skipIf(!installed("fish"))("in fish offer commands", () =>
    Effect.gen(function*() {
      const { file } = yield* script("fish")
      assert.include(inShell("fish", ["--no-config", "-c", `source ${file}; complete -C 'holdfast out'`]), "outbox")
    }))

  it.live("for zsh and fish name every command", () =>
    Effect.gen(function*() {
      for (const shell of ["zsh", "fish"]) {
        const { text } = yield* script(shell)
        for (const name of ["serve", "outbox", "discard", "doctor", "--yes"]) {
          assert.include(text, shell === "fish" ? name.replace(/^--/, "") : name, shell)
        }
      }
    }))
})
