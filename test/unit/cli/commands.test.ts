import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { StatusView } from "../../../src/admin/StatusView.ts"
import { entry } from "../../support/adminDoubles.ts"
import { abandoned, daemon, dataDirectory, impostor, olderDaemon, run, runWith } from "../../support/Terminal.ts"

describe("commands that speak to the daemon", () => {
  it.live.each(["status", "outbox list", "context show", "tools", "agents list", "token show"])(
    "%s without a daemon says how to start one, and exits with 3",
    (line) =>
      Effect.gen(function*() {
        const ended = yield* run(yield* dataDirectory, ...line.split(" "))
        assert.strictEqual(ended.code, 3)
        assert.include(ended.err, "holdfast serve --relay URL")
        assert.include(ended.err, "holdfast serve --embedded")
      })
  )

  it.live("tell a daemon that was killed from one that runs", () =>
    Effect.gen(function*() {
      const directory = yield* abandoned
      const ended = yield* run(directory, "status")
      assert.strictEqual(ended.code, 3)
    }))

  it.live("stop and restart do for a daemon of another version, whose status no other command understands", () =>
    Effect.gen(function*() {
      const child = spawn("sleep", ["1000"], { stdio: "ignore" })
      yield* Effect.addFinalizer(() => Effect.sync(() => child.kill("SIGKILL")))
      const directory = yield* olderDaemon(child.pid ?? 0)
      assert.include((yield* run(directory, "status")).err, "answers as another version does")
      assert.include((yield* run(directory, "restart")).err, "restart its service")
      const stopped = yield* run(directory, "stop")
      assert.strictEqual(stopped.code, 0, stopped.err)
      assert.include(stopped.out, `process ${child.pid}`)
    }))

  it.live("a mistake in the configuration file keeps nobody from asking the daemon whose directory is named", () =>
    Effect.gen(function*() {
      const dataDir = yield* daemon([entry(1, {})])
      const config = `${dataDir}/broken.json`
      writeFileSync(config, "{ \"relay\":")
      for (const line of ["status", "outbox list", "agents list"]) {
        const { code, err } = yield* runWith({ dataDir, config }, ...line.split(" "))
        assert.strictEqual(code, 0, `${line}: ${err}`)
      }
      // The double serves no `/readyz`.
      assert.include((yield* runWith({ dataDir, config }, "health")).err, "does not say that it is ready")
      assert.include((yield* runWith({ dataDir, config }, "restart")).err, "is not JSON")
    }))

  it.live("status shows link, token, queue and sessions", () =>
    Effect.gen(function*() {
      const { code, out } = yield* run(yield* daemon([entry(1, {})]), "status")
      assert.strictEqual(code, 0)
      assert.include(out, "holdfast 1.2.3 at http://127.0.0.1:4851/mcp, process 42")
      assert.match(out, /link +down for .*: refused/)
      assert.match(out, /token +default: valid \(file/)
      assert.match(out, /outbox +1 pending/)
      assert.match(out, /sessions +2, 1 with a stream open/)
      assert.match(out, /probe: running, 1 restarts, last: boom/)
    }))

  it.live("--json prints exactly the admin API's document", () =>
    Effect.gen(function*() {
      const { out } = yield* run(yield* daemon([]), "status", "--json")
      const document: unknown = JSON.parse(out)
      const decoded = yield* Schema.decodeUnknownEffect(Schema.toCodecJson(StatusView), { onExcessProperty: "error" })(
        document
      )
      assert.strictEqual(decoded.daemon.pid, 42)
    }))

  it.live("open prints a link that signs a browser in, with no secret but its own, and signs every browser out", () =>
    Effect.gen(function*() {
      const directory = yield* daemon([])
      for (const line of [["open"], ["open", "--print"], ["status", "--open"]]) {
        const { code, err, out } = yield* run(directory, ...line)
        assert.strictEqual(code, 0)
        assert.match(out, /^http:\/\/127\.0\.0\.1:4851\/#sign-in=[\w-]{43}$/)
        assert.include(err, "good once")
      }
      assert.include((yield* run(directory, "open", "--sign-out")).out, "every browser is signed out")
    }))

  it.live("outbox list shows why an entry is dead, and where the next page begins", () =>
    Effect.gen(function*() {
      const directory = yield* daemon([entry(1, { state: "dead", reason: Option.some("no such agent") }), entry(2, {})])
      const { out } = yield* run(directory, "outbox", "list", "--limit", "1")
      assert.match(out, /^1 +dead +default +relay_send_message .* no such agent$/m)
      assert.include(out, "more: --after 1")
      assert.notInclude((yield* run(directory, "outbox", "list", "--after", "1")).out, "no such agent")
    }))

  it.live("outbox show tells what is sent", () =>
    Effect.gen(function*() {
      const directory = yield* daemon([entry(1, {})])
      assert.include((yield* run(directory, "outbox", "show", "1")).out, entry(1, {}).request)
      const missing = yield* run(directory, "outbox", "show", "7")
      assert.strictEqual(missing.code, 1)
      assert.include(missing.err, "no entry 7")
    }))

  it.live("outbox export prints every entry whole, a line each, over more than one page", () =>
    Effect.gen(function*() {
      const directory = yield* daemon(Array.from({ length: 450 }, (_, index) => entry(index + 1, {})))
      const { out } = yield* run(directory, "outbox", "export")
      const exported = out.trim().split("\n").map((line) => JSON.parse(line))
      assert.deepStrictEqual(exported.map(({ id }) => id), Array.from({ length: 450 }, (_, index) => index + 1))
      assert.strictEqual(exported[0].request, entry(1, {}).request)
    }))

  it.live("outbox retry fails for what it could not put back in line, and says which that was", () =>
    Effect.gen(function*() {
      const directory = yield* daemon([entry(1, {}), entry(2, { state: "dead" })])
      const ended = yield* run(directory, "outbox", "retry", "1", "2")
      assert.strictEqual(ended.code, 1)
      assert.include(ended.out, "back in line: 2")
      assert.include(ended.err, "neither dead nor held, or not there: 1")
      assert.strictEqual((yield* run(directory, "outbox", "retry", "--all")).code, 0)
    }))

  it.live("outbox discard takes ids or --all, and never guesses", () =>
    Effect.gen(function*() {
      const directory = yield* daemon([entry(1, {})])
      assert.strictEqual((yield* run(directory, "outbox", "discard")).code, 2)
      assert.strictEqual((yield* run(directory, "outbox", "discard", "1", "--all")).code, 2)
      assert.strictEqual((yield* run(directory, "outbox", "discard", "1", "--agent", "second")).code, 2)
      assert.include(
        (yield* run(directory, "outbox", "discard", "--all", "--yes", "--reason", "tidied")).out,
        "discarded: 1"
      )
    }))

  it.live("context send moves the context, and names the events that an illegal one could have been", () =>
    Effect.gen(function*() {
      const directory = yield* daemon([])
      const illegal = yield* run(directory, "context", "send", "Merge")
      assert.strictEqual(illegal.code, 1)
      assert.include(illegal.err, "possible now: Attach, Detach")
      const attached = yield* run(directory, "context", "send", "Attach", "--path", "/tmp", "--branch", "b")
      assert.include(attached.out, "worktree /tmp on b: Active")
      assert.include((yield* run(directory, "context", "show")).out, "facts: isolatedWorktree")
      assert.strictEqual((yield* run(directory, "context", "send", "Attach", "--path", "/tmp")).code, 2)
      assert.strictEqual((yield* run(directory, "context", "send", "Fly")).code, 2)
      const nowhere = yield* run(directory, "context", "send", "Attach", "--path", `${directory}/gone`, "--branch", "b")
      assert.strictEqual(nowhere.code, 1)
      assert.include(nowhere.err, `${directory}/gone is not there: Attach needs the worktree's path`)
    }))

  it.live("tools says what is hidden and by which rule", () =>
    Effect.gen(function*() {
      const { out } = yield* run(yield* daemon([]), "tools")
      assert.match(out, /^ {2}relay_reply +visible; /m)
      assert.match(out, /relay_workspace_land +hidden: needs isolatedWorktree/)
    }))

  it.live("agents list names those that may speak", () =>
    Effect.gen(function*() {
      const { out } = yield* run(yield* daemon([]), "agents", "list")
      assert.match(out, /^AGENT +STATE +SESSIONS +UNDELIVERED\ndefault +present +1 +0\nsecond +present +1 +0$/)
    }))

  it.live("outbox discard --all without --yes removes nothing where nobody can be asked", () =>
    Effect.gen(function*() {
      const directory = yield* daemon([entry(1, {})])
      const refused = yield* run(directory, "outbox", "discard", "--all")
      assert.strictEqual(refused.code, 2)
      assert.include(refused.err, "--yes")
      assert.strictEqual(refused.out, "")
    }))

  it.live("agents add prints the secret alone, says how to use it, and refuses a name that is taken", () =>
    Effect.gen(function*() {
      const directory = yield* daemon([])
      const added = yield* run(directory, "agents", "add", "third")
      assert.strictEqual(added.out, "s3cret")
      assert.include(added.err, "holdfast exec --agent third -- claude")
      assert.include(added.err, "holdfast config claude --agent third")
      assert.notInclude(added.err, "s3cret")
      const taken = yield* run(directory, "agents", "add", "second")
      assert.strictEqual(taken.code, 1)
      assert.include(taken.err, "exists already")
      assert.strictEqual((yield* run(directory, "agents", "add", "not a name")).code, 2)
    }))

  it.live("agents remove says what stays", () =>
    Effect.gen(function*() {
      const removed = yield* run(yield* daemon([entry(1, {})]), "agents", "remove", "second")
      assert.include(removed.out, "1 queued calls stay until they are delivered or discarded")
    }))

  it.live("a file that a killed daemon left sends no secret to who has its port now", () =>
    Effect.gen(function*() {
      const { directory, requests } = yield* impostor
      assert.strictEqual((yield* run(directory, "status")).code, 3)
      assert.strictEqual(yield* requests, 0)
    }))

  it.live("an agent that isn't there is an error that names those that are", () =>
    Effect.gen(function*() {
      const ended = yield* run(yield* daemon([]), "tools", "--agent", "nobody")
      assert.strictEqual(ended.code, 1)
      assert.include(ended.err, "there is default, second")
    }))
})
