/**
 * The first minutes of a new user, from the tarball of a fresh clone: an empty folder, a home of its own, the newest Claude
 * Code, Codex and Gemini from npm, and a server of the official SDK. Only the model is played: none can be reached.
 *
 * Prints how long each step took.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option } from "effect"
import { createHash } from "node:crypto"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { packages } from "../support/agents/realAgent.ts"
import { questionWith, type ScriptedAgent, scriptedAgents } from "../support/agents/scriptedAgents.ts"
import { scriptedModel } from "../support/agents/ScriptedModel.ts"
import { timed } from "../support/drill.ts"
import { eventually } from "../support/eventually.ts"
import { TestRelay } from "../support/relay/TestRelay.ts"
import { EmptyFolder, type Ended } from "./EmptyFolder.ts"
import { freshClone, pack } from "./pack.ts"

const repository = fileURLToPath(new URL("../../", import.meta.url))
const node = dirname(process.execPath)
const names = scriptedAgents.map(({ agent }) => agent)

/** The user's own server: it says itself that a repeated call does no harm. */
const note = {
  name: "notes_add",
  description: "Adds a note.",
  inputSchema: {
    type: "object" as const,
    properties: { text: { type: "string" }, idempotencyKey: { type: "string" } },
    required: ["text"]
  },
  isWrite: true
}

/** What the user has written already, in ways that are easily lost. */
const files: ReadonlyArray<readonly [file: ReadonlyArray<string>, text: string]> = [
  [[".codex", "config.toml"], "# mine\n[mcp_servers.docs]\nurl = \"https://docs.test/mcp\"\nenabled = false"],
  ...scriptedAgents.flatMap(({ settings }) => settings === undefined ? [] : [settings])
]

const print = (line: string) => Effect.sync(() => process.stderr.write(`${line}\n`))

const step = Effect.fnUntraced(function*<A, E, R>(what: string, effect: Effect.Effect<A, E, R>) {
  const { millis, value } = yield* timed(effect)
  yield* print(`${(millis / 1000).toFixed(1).padStart(6)} s  ${what}`)
  return value
})

/** Each file below `directory` by its digest. */
const digests = (directory: string): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => {
      const file = join(entry.parentPath, entry.name)
      return [relative(directory, file), createHash("sha256").update(readFileSync(file)).digest("hex")] as const
    })
  )

const changed = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): ReadonlyArray<string> =>
  [...new Set([...before.keys(), ...after.keys()])].filter((file) => before.get(file) !== after.get(file)).toSorted()

/** What Holdfast keeps after `--undo`, and says so: the queue, the secrets, and Node's compiled code. */
const holdfasts = /^\.local\/state\/holdfast\/|^\.cache\/holdfast\//
/** What agents write whenever they run. Their configuration is not in it, but for Claude Code's, which is both. */
const agents =
  /^\.claude(\.json|\/)|^\.codex\/(?!config\.toml)|^\.gemini\/(?!settings\.json)|^\.(cache|config|local\/\w+)\/(?!holdfast\/)/

/** One agent in its own terminal, and the model that moves it. */
const started = Effect.fnUntraced(
  function*(
    place: EmptyFolder,
    app: string,
    model: Effect.Success<ReturnType<typeof scriptedModel>>,
    each: ScriptedAgent
  ) {
    const program = yield* Effect.acquireRelease(
      Effect.sync(() =>
        place.start(node, join(app, "node_modules", ".bin", each.agent), each.args(model.origin), {
          directory: app,
          env: each.environment(model.origin)
        })
      ),
      ({ child, ended }, exit) =>
        Effect.gen(function*() {
          child.kill("SIGTERM")
          const last = yield* Effect.timeoutOption(Effect.promise(() => ended), "5 seconds")
          if (Exit.isSuccess(exit) || Option.isNone(last)) return
          yield* print(`${each.agent}: ${last.value.stdout}${last.value.stderr}`)
        })
    )
    yield* questionWith(each, model, note.name)
    return program
  }
)

describe("a new user", () => {
  it.live(
    "connects the newest agents by one line, survives an outage, retries a dead letter, and takes all back byte for byte",
    (context) =>
      Effect.gen(function*() {
        const place = yield* Effect.acquireRelease(
          Effect.sync(() => new EmptyFolder()),
          (place) => Effect.sync(() => place.remove())
        )
        const home = place.file("home")
        const app = place.file("app")
        const run = (command: string, ...args: ReadonlyArray<string>) =>
          Effect.promise(() => place.run(node, command, args, { directory: app, env: { HOLDFAST_PORT: "0" } }))
        const ends = (ended: Ended, code = 0) => {
          assert.strictEqual(ended.code, code, ended.stdout + ended.stderr)
          return ended.stdout
        }
        const holdfast = (...args: ReadonlyArray<string>) =>
          step(`npx holdfast ${args.join(" ")}`, Effect.map(run("npx", "holdfast", ...args), (ended) => ends(ended)))

        const tarball = yield* step(
          "npm pack, in a fresh clone that has installed nothing",
          Effect.sync(() => {
            freshClone(repository, place.file("clone"))
            return pack(place.file("clone"), place.path)
          })
        )
        const relay = yield* TestRelay.start({ extraTools: [note] })

        const story = Effect.gen(function*() {
          mkdirSync(app)
          writeFileSync(join(app, "package.json"), `{ "private": true }`)
          const install = (...what: ReadonlyArray<string>) => run("npm", "install", "--no-audit", "--no-fund", ...what)
          const one = yield* step("npm install holdfast.tgz", install(tarball.file))
          assert.match(ends(one), /added 1 package\b/)
          const size = [...digests(join(app, "node_modules", "holdfast")).keys()]
            .reduce((sum, file) => sum + readFileSync(join(app, "node_modules", "holdfast", file)).length, 0)
          yield* print(`  tarball ${tarball.bytes} bytes, installed 1 package of ${size} bytes`)
          const newest = Object.values(packages).map((name) => `${name}@latest`)
          const added = yield* step(`npm install ${newest.join(" ")}`, install(...newest))
          if (added.code !== 0) {
            yield* print(`SKIPPED: the newest agents cannot be installed here: ${added.stderr}`)
            return yield* Effect.sync((): void => context.skip("the newest agents cannot be installed here"))
          }
          for (const name of names) {
            const { stdout } = yield* run(join(app, "node_modules", ".bin", name), "--version")
            yield* print(`  ${name} ${stdout.trim()}`)
          }

          for (const [file, text] of files) {
            mkdirSync(dirname(join(home, ...file)), { recursive: true })
            writeFileSync(join(home, ...file), text)
          }
          const models = yield* Effect.forEach(scriptedAgents, (each) =>
            Effect.map(scriptedModel(each.dialect), (model) => ({ each, model })))
          // Claude Code makes its file at its first start.
          yield* step("claude mcp list", run(join(app, "node_modules", ".bin", "claude"), "mcp", "list"))

          const before = digests(home)
          yield* holdfast("connect", relay.url, "--yes")
          yield* holdfast("connect", "--undo")
          assert.deepStrictEqual(
            changed(before, digests(home)).filter((file) =>
              !holdfasts.test(file)
            ),
            []
          )

          const table = yield* holdfast("connect", relay.url, "--yes")
          for (const row of ["daemon", "endpoint", "relay default", "Claude Code", "Codex", "Gemini CLI"]) {
            assert.match(table, new RegExp(`^✔ ${row} `, "m"))
          }

          const everyAgent = <A, E, R>(act: (one: (typeof models)[number]) => Effect.Effect<A, E, R>) =>
            Effect.forEach(models, act, { concurrency: "unbounded" })
          const add = (text: string) =>
            everyAgent(({ each, model }) =>
              Effect.map(
                model.call(each.named(note.name), { text: `${each.agent} ${text}` }),
                ({ results }) => results.join()
              )
            )
          const written = Effect.map(relay.ledger, (entries) => entries.map((entry) => String(entry.arguments["text"])))
          const expected = (text: string) => names.map((name) => `${name} ${text}`)
          const arrived = Effect.fnUntraced(function*(...all: ReadonlyArray<string>) {
            yield* eventually("each note once", written, ({ length }) => length >= all.length)
            assert.deepStrictEqual((yield* written).toSorted(), [...all].toSorted())
          })
          const inTime = expected("before")
          const late = expected("meanwhile")

          const programs = yield* step(
            "claude, codex and gemini start, and ask their model",
            everyAgent(({ each, model }) => started(place, app, model, each))
          )
          for (const answer of yield* step("each calls a tool", add("before"))) {
            assert.match(answer, /m\d+\W.*notes_add/)
          }
          yield* arrived(...inTime)

          yield* step("the server is killed", relay.kill)
          for (const answer of yield* step("each calls the tool again: queued", add("meanwhile"))) {
            assert.match(answer, /queued.*will be delivered.*Do not repeat it/)
          }
          yield* step(
            "the server is back, and has each call once",
            Effect.andThen(relay.restart(), arrived(...inTime, ...late))
          )

          yield* relay.kill
          for (const answer of yield* step("the server is killed; a third call each", add("unwelcome"))) {
            assert.match(answer, /queued/)
          }
          yield* relay.restart({ hiddenTools: [note.name] })
          const dead = yield* step(
            "the server is back without that tool, and refuses: holdfast outbox list",
            eventually(
              "dead letters",
              Effect.map(run("npx", "holdfast", "outbox", "list", "--state", "dead"), (ended) => ends(ended)),
              (text) => text.split("not found").length - 1 === names.length
            )
          )
          yield* print(dead.trimEnd())
          yield* relay.restart({ hiddenTools: [] })
          const ids = [...dead.matchAll(/^(\d+) /gm)].map(([, id = ""]) => id)
          yield* holdfast("outbox", "retry", ...ids)
          yield* step("the server has them", arrived(...inTime, ...late, ...expected("unwelcome")))

          yield* step(
            "each agent ends with 0, in the process that it started in",
            Effect.gen(function*() {
              yield* everyAgent(({ model }) => model.move({ say: "done" }))
              const codes = yield* Effect.promise(() => Promise.all(programs.map(({ ended }) => ended)))
              assert.deepStrictEqual(codes.map(({ code }) => code), names.map(() => 0))
            })
          )
          yield* holdfast("connect", "--undo")
          const after = changed(before, digests(home))
          assert.deepStrictEqual(after.filter((file) => !holdfasts.test(file) && !agents.test(file)), [])
          const claude = JSON.parse(readFileSync(join(home, ".claude.json"), "utf8"))
          assert.notProperty(claude.mcpServers ?? {}, "holdfast")
        })
        yield* step(
          "from the tarball to the last file put back",
          Effect.ensuring(story, run("npx", "holdfast", "connect", "--undo"))
        )
      }),
    900_000
  )
})
