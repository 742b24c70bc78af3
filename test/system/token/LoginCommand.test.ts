/** `holdfast login` beside a running daemon: a browser that agrees. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { scratch } from "../../support/agents/scratch.ts"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { launch, run } from "../../support/Program.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import * as Terminal from "../../support/Terminal.ts"
import { authorizationServer } from "../../support/token/authorizationServer.ts"
import { httpServer } from "../../support/token/httpServer.ts"

/** The relay's own authorization server, and two ways to name that relay to the daemon and to `login`. */
const named = [
  {
    how: "by its URL",
    relay: "default",
    serving: ({ href }: URL) => ({ relayUrl: href }),
    login: ({ href }: URL) => ["--relay", href],
    remedy: "\"holdfast login\""
  },
  {
    how: "by a name other than default, beside another relay",
    relay: "docs",
    serving: (_: URL, config: string) => ({ relayUrl: "http://127.0.0.1:9/mcp", args: ["--config", config] }),
    login: (_: URL, config: string) => ["--relay", "docs", "--config", config],
    remedy: "\"holdfast login --relay docs\""
  }
]

describe("holdfast login", () => {
  it.live(
    "says before it begins that a login would not be used, where the settings name a source",
    () =>
      Effect.gen(function*() {
        const { code, stderr } = yield* run(["login", "--relay", "https://relay.test/mcp"], {
          HOLDFAST_TOKEN_FILE: "/x"
        })
        assert.strictEqual(code, 2)
        assert.include(stderr, "token.file")
      })
  )

  it.live("says where there is nobody to log in to, and whether a token is needed", () =>
    Effect.gen(function*() {
      const guarded = yield* httpServer(({ path }) => ({ status: path === "/mcp" ? 401 : 404 }))
      const dataDir = yield* Terminal.dataDirectory
      const login = (url: string) => Terminal.run(dataDir, "login", "--relay", url)
      const refused = yield* login(`${guarded.origin}/mcp`)
      assert.strictEqual(refused.code, 1)
      assert.match(refused.err, /asks for a token, but offers no login.*HOLDFAST_RELAY_TOKEN, token\.file/)
      const relay = yield* TestRelay.start()
      const open = yield* login(relay.url)
      assert.strictEqual(open.code, 1)
      assert.include(open.err, "offers no login, and asks for no token: none is needed")
      yield* relay.kill
      const away = yield* login(relay.url)
      assert.strictEqual(away.code, 1)
      assert.include(away.err, `nothing listens at 127.0.0.1:${relay.port}`)
    }), 60_000)

  it.live(
    "without a name takes the only relay there is, of the settings or of the daemon; else names them all",
    () =>
      Effect.gen(function*() {
        const dataDir = yield* Terminal.dataDirectory
        const nothing = yield* Terminal.run(dataDir, "login")
        assert.strictEqual(nothing.code, 2)
        assert.include(nothing.err, "name its URL, \"holdfast login --relay URL\"")

        const home = yield* scratch
        const guarded = yield* httpServer(({ path }) => ({ status: path === "/mcp" ? 401 : 404 }))
        const configured = (...names: ReadonlyArray<string>) => {
          const relays = Object.fromEntries(names.map((name) => [name, { url: `${guarded.origin}/mcp` }]))
          const config = home.write(JSON.stringify({ relays }), "holdfast.json")
          return (...args: ReadonlyArray<string>) => run(["login", "--config", config, ...args], home.environment)
        }
        assert.include((yield* configured("docs")()).stderr, `${guarded.origin}/mcp asks for a token`)
        const two = configured("docs", "mail")
        const which = yield* two()
        assert.strictEqual(which.code, 2)
        assert.include(which.stderr, "which relay? Name one with --relay: docs, mail")
        assert.include((yield* two("--relay", "dogs")).stderr, "no relay is called \"dogs\"; there is docs, mail")

        const daemon = yield* Daemon.start({ relayUrl: `${guarded.origin}/mcp` })
        const flagged = yield* Terminal.run(daemon.dataDir, "login")
        assert.include(flagged.err, `${guarded.origin}/mcp asks for a token`)
        const elsewhere = home.write(JSON.stringify({ relay: { url: "http://127.0.0.1:9/mcp" } }), "elsewhere.json")
        const overridden = yield* Terminal.runWith({ dataDir: daemon.dataDir, config: elsewhere }, "login")
        assert.include(overridden.err, `${guarded.origin}/mcp asks for a token`, "what the daemon serves counts")
        const doctor = yield* Terminal.run(daemon.dataDir, "doctor")
        assert.match(
          doctor.out,
          /token default\/default: none, and the relay asks for one; do: name where it comes from/
        )
      }),
    90_000
  )

  it.live.each(named)(
    "takes a person through the own authorization server of a relay $how, and the daemon notices by itself",
    ({ login, relay, remedy, serving }) =>
      Effect.gen(function*() {
        const server = yield* authorizationServer()
        const home = yield* scratch
        const config = home.write(
          relay === "default" ? "{}" : JSON.stringify({ relays: { [relay]: { url: server.relay.href } } }),
          "holdfast.json"
        )
        const daemon = yield* Daemon.start(serving(server.relay, config))
        const before = yield* daemon.command("token", "show")
        assert.include(before.stdout, "holdfast login")
        const doctor = yield* eventually(
          "doctor to see that the relay asks for a token",
          Terminal.run(daemon.dataDir, "doctor"),
          ({ out }) => out.includes("asks for one")
        )
        assert.include(
          doctor.out.split("\n"),
          `problem  token ${relay}/default: none, and the relay asks for one; do: ${remedy}`
        )

        const program = launch(["login", ...login(server.relay, config), "--data-dir", daemon.dataDir])
        yield* Effect.addFinalizer(() => Effect.sync(() => program.child.kill("SIGKILL")))
        const url = yield* eventually(
          "an address to open",
          Effect.sync(() => /http:\S+\/authorize\?\S+/.exec(program.stdout)?.[0] ?? ""),
          (found) => found !== ""
        )
        const page = yield* Effect.promise(() => fetch(url).then((response) => response.text()))
        assert.include(page, "close this page")
        const ended = yield* Effect.promise(() => program.ended)
        assert.strictEqual(ended.code, 0, program.stderr)

        assert.include(program.stdout, `Holdfast uses it for relay "${relay}"`)

        const after = yield* eventually(
          "the daemon to notice",
          daemon.command("token", "show", "--json"),
          ({ stdout }) =>
            JSON.parse(stdout).some((token: { readonly relay: string; readonly state: string }) =>
              token.relay === relay && token.state === "valid"
            )
        )
        const said = [program.stdout, program.stderr, after.stdout, yield* daemon.stderr, yield* daemon.stdout].join(
          "\n"
        )
        assert.notInclude(said, "access-")
        assert.notInclude(said, "refresh-")
      })
  )
})
