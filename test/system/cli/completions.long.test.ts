/** The completion script of zsh in an interactive zsh: what the Tab key brings. Skipped where there is no zsh. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { scratch } from "../../support/agents/scratch.ts"
import { Daemon } from "../../support/Daemon.ts"
import { childEnvironment } from "../../support/environment.ts"

const installed = spawnSync("zsh", ["--version"]).status === 0

/** Types into a zsh of its own, and waits until that shows the words. */
const dialogue = `
zmodload zsh/zpty
zpty shell zsh -f -i
shows() {
  local all='' part
  repeat 600; do
    if zpty -r -t shell part; then all+=$part; else sleep 0.05; fi
    [[ $all == *$1* ]] && return 0
  done
  print -r -- "never shows $1: \${(V)all}"
  exit 1
}
keys() { zpty -w -n shell "$1"; shows "$2" }
keys $'fpath=($FUNCTIONS $fpath); autoload -Uz compinit && compinit -u -D; print rea""dy\\n' ready
keys $'holdfast rel\\t' 'as SIGHUP does'
keys $'\\C-uholdfast outbox \\t' 'Put dead and held calls back in line'
keys $'discard --\\t' 'Do not ask before'
keys $'state \\t' pending
zpty -d shell
`

describe("completions", () => {
  it.live.skipIf(!installed)(
    "in zsh complete commands, subcommands, flags and their values",
    () =>
      Effect.gen(function*() {
        const home = yield* scratch
        const { code, stderr, stdout } = yield* Daemon.run(["--completions", "zsh"])
        assert.strictEqual(code, 0, stderr)
        home.write(stdout, "functions", "_holdfast")
        const file = home.write(dialogue, "dialogue.zsh")
        const env = childEnvironment({ ...home.environment, FUNCTIONS: home.file("functions"), TERM: "dumb" })
        const ended = spawnSync("zsh", ["-f", file], { env, encoding: "utf8", timeout: 120_000 })
        assert.strictEqual(ended.status, 0, ended.stdout + ended.stderr)
      })
  )
})
