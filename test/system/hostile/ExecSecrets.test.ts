/** What the command that `holdfast exec` runs gets to see, and where a neighbour might lie in wait for its files. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, readlinkSync, symlinkSync } from "node:fs"
import { dirname } from "node:path"
import { claude } from "../../../src/clients/claude.ts"
import { type ClientEntry, exportLine } from "../../../src/clients/ClientEntry.ts"
import { clients } from "../../../src/clients/clients.ts"
import { type Scratch, scratch } from "../../support/agents/scratch.ts"
import { Daemon } from "../../support/Daemon.ts"
import { run } from "../../support/Program.ts"

const nowhere = "http://127.0.0.1:9/mcp"

/** Larger than any process id. */
const nobody = 2 ** 30

const marked = {
  HOLDFAST_RELAY_TOKEN: "s3cret-relay-token",
  HOLDFAST_TOKEN_AGENTS: JSON.stringify({ ada: { value: "s3cret-of-ada" } }),
  DOCS_KEY: "s3cret-docs-key",
  MINT_KEY: "s3cret-mint-key",
  OAUTH_SECRET: "s3cret-oauth",
  WORKSPACE_TOKEN: "s3cret-workspace"
}

const configuration = {
  relay: { url: nowhere },
  relays: {
    docs: { url: nowhere, headers: { "X-Key": "{env:DOCS_KEY}", "X-Home": "{env:HOME}" } },
    oauth: { url: nowhere, token: { oauth: { issuer: nowhere, clientId: "c", clientSecret: "{env:OAUTH_SECRET}" } } }
  },
  credentials: {
    files: { hosts: ["files.test"], handOver: { fileEnv: ["CREDENTIAL_FILE"] }, token: { command: "echo handed" } },
    minted: { hosts: ["minted.test"], token: { url: { url: nowhere, headers: { "X-Key": "{env:MINT_KEY}" } } } },
    preset: { hosts: ["preset.test"], token: { url: { preset: "workspace-git" } } }
  }
}

const setup = Effect.gen(function*() {
  const home = yield* scratch
  const own = home.write(JSON.stringify(configuration), ".config", "holdfast", "holdfast.json")
  mkdirSync(home.file("tmp"))
  const daemon = yield* Daemon.start({ env: { ...home.environment, ...marked }, args: ["--config", own] })
  const exec = (script: string, env: Readonly<Record<string, string>> = {}) =>
    run(["exec", "--data-dir", daemon.dataDir, "--", "sh", "-c", script], {
      ...home.environment,
      ...marked,
      TMPDIR: home.file("tmp"),
      ...env
    })
  return { home, daemon, exec }
})

const runtimeDirectory = (home: Scratch, mode: number): string => {
  mkdirSync(home.file("runtime"))
  chmodSync(home.file("runtime"), mode)
  return home.file("runtime")
}

/** As a process that is gone would have left it. */
const leftName = () => `holdfast-credentials-${/\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0]}-${nobody}-x`

describe("holdfast exec", () => {
  it.live("hands on neither the relay's token nor what a setting takes its secret from", () =>
    Effect.gen(function*() {
      const { exec, home } = yield* setup
      const { code, stderr, stdout } = yield* exec("env")
      assert.strictEqual(code, 0, stderr)
      assert.notInclude(stdout, "s3cret")
      assert.match(stdout, /^HOLDFAST_AGENT_SECRET=[A-Za-z0-9_-]{43}$/m)
      assert.include(stdout, `HOME=${home.path}\n`)
    }))

  it.live("keeps handed files in the data directory, and leaves alone what is planted among temporary files", () =>
    Effect.gen(function*() {
      const { daemon, exec, home } = yield* setup
      const victim = home.write("dear", "victim", "file")
      const planted = home.write("planted", "tmp", leftName(), "file")
      symlinkSync(dirname(victim), home.file("tmp", leftName().replace(/x$/, "link")))
      const { stderr, stdout } = yield* exec("echo $CREDENTIAL_FILE; cat $CREDENTIAL_FILE")
      const [file = "", content] = stdout.split("\n")
      assert.strictEqual(content, "handed", stderr)
      assert.isTrue(file.startsWith(`${daemon.dataDir}/`), file)
      assert.isFalse(existsSync(file))
      assert.isTrue(existsSync(victim))
      assert.isTrue(existsSync(planted))
    }))

  it.live("keeps them in the runtime directory where that is the user's alone, and follows no link there", () =>
    Effect.gen(function*() {
      const { daemon, exec, home } = yield* setup
      const runtime = runtimeDirectory(home, 0o700)
      const victim = home.write("dear", "victim", "file")
      const left = home.write("left", "runtime", leftName(), "file")
      chmodSync(dirname(left), 0o700)
      const link = home.file("runtime", leftName().replace(/x$/, "link"))
      symlinkSync(dirname(victim), link)
      const fileFor = (directory: string) =>
        Effect.map(exec("echo $CREDENTIAL_FILE", { XDG_RUNTIME_DIR: directory }), ({ stdout }) => stdout)
      assert.isTrue((yield* fileFor(runtime)).startsWith(`${runtime}/`))
      assert.isFalse(existsSync(left))
      assert.isTrue(existsSync(victim))
      assert.isTrue(existsSync(link))

      symlinkSync(runtime, home.file("linked"))
      assert.isTrue((yield* fileFor(home.file("linked"))).startsWith(`${daemon.dataDir}/`))
      chmodSync(runtime, 0o777)
      assert.isTrue((yield* fileFor(runtime)).startsWith(`${daemon.dataDir}/`))
    }))
})

describe("a line that Holdfast prints for a shell", () => {
  it.live("puts the agent's secret into no command's arguments", () =>
    Effect.gen(function*() {
      const home = yield* scratch
      const secretFile = home.write("s3cret-agent", "agent-secret")
      const program = ["holdfast"]
      const entry: ClientEntry = { name: "holdfast", url: nowhere, secretFile, program, options: [], isService: false }
      for (const name of ["holdfast", "printf", "env", "claude", "codex", "gemini", "curl", "echo"]) {
        chmodSync(home.write(`#!/bin/sh\nprintf '%s\\n' "$0 $*" >>${home.file("arguments")}\n`, "bin", name), 0o755)
      }
      const snippets = clients.flatMap(({ snippet }) => snippet?.(entry) ?? [])
      const helper: string = JSON.parse(claude.snippet?.(entry).text ?? "").mcpServers.holdfast.headersHelper
      const notes = snippets.flatMap(({ note = "" }) => note.split("\n")).filter((line) => line.includes("$("))
      for (const line of [exportLine(entry), helper, ...notes]) {
        const { status, stderr } = spawnSync("sh", ["-c", `${line}\nwait`], {
          env: { PATH: `${home.file("bin")}:/usr/bin:/bin` },
          encoding: "utf8"
        })
        assert.strictEqual(status, 0, stderr)
      }
      assert.isTrue(existsSync(home.file("arguments")))
      assert.notInclude(home.read("arguments"), "s3cret")
      for (const { text } of snippets) assert.notInclude(text, "s3cret")
    }))
})
