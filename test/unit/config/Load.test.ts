import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { ByteSize, Duration, Effect, FileSystem, Path, Predicate, Redacted } from "effect"
import { fromEnvironment, variableOf } from "../../../src/config/Environment.ts"
import { load, type Sources } from "../../../src/config/Load.ts"
import { relayTargets, settingsFrom, workspaceTools } from "../../../src/config/Settings.ts"
import { settingPaths } from "../../../src/config/SettingsJsonSchema.ts"

const loaded = (sources: Partial<Sources>) => load({ env: {}, ...sources }).pipe(Effect.provide(NodeServices.layer))
const issues = (sources: Partial<Sources>) => loaded(sources).pipe(Effect.flip, Effect.map((error) => error.issues))

const withFile = Effect.fnUntraced(function*(content: unknown) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const home = yield* fs.makeTempDirectoryScoped()
  yield* fs.makeDirectory(path.join(home, "holdfast"))
  const file = path.join(home, "holdfast", "holdfast.json")
  yield* fs.writeFileString(file, Predicate.isString(content) ? content : JSON.stringify(content))
  return { home, file }
}, Effect.provide(NodeServices.layer))

/** Durations as text and sizes in bytes, so that a table can be compared. */
const plain = (value: unknown): unknown => {
  if (Duration.isDuration(value)) return Duration.format(value)
  if (ByteSize.isByteSize(value)) return ByteSize.toNumberUnsafe(value)
  if (Array.isArray(value)) return value.map(plain)
  return Predicate.isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([key, value]) => [key, plain(value)]))
    : value
}

describe("load", () => {
  it.effect("refuses a rule that needs a fact which nobody can set, and a fact that the state gives", () =>
    Effect.gen(function*() {
      const rules = [{ tools: ["deploy_*"], needs: "releaseWeek" }]
      const refused = yield* issues({ config: (yield* withFile({ menu: { rules } })).file })
      assert.include(refused.join(), "menu.rules.0.needs: no fact is called \"releaseWeek\"; there is isolatedWorktree")
      const { file } = yield* withFile({ menu: { rules }, context: { facts: ["releaseWeek"] } })
      assert.deepStrictEqual((yield* loaded({ config: file })).menu.rules, rules)
      const given = yield* issues({ config: (yield* withFile({ context: { facts: ["isolatedWorktree"] } })).file })
      assert.include(given.join(), "given by the agent's state")
    }))

  it.effect("refuses a relay's header that Holdfast sets itself, and one of no such name, and shows no value", () =>
    Effect.gen(function*() {
      const relayWith = (headers: Record<string, string>) => ({ relays: { docs: { url: "http://a.test", headers } } })
      const headers = { "Cookie": "s3cret", "Mcp-Session-Id": "s3cret", "X A": "s3cret", "X-B": "s3cret" }
      const refused = yield* issues({ config: (yield* withFile(relayWith(headers))).file })
      assert.strictEqual(refused.length, 3, refused.join("\n"))
      assert.include(refused.join("\n"), "relays.docs.headers.Cookie: Holdfast sets that header itself: take it out")
      assert.include(refused.join("\n"), "relays.docs.headers.Mcp-Session-Id")
      assert.include(refused.join("\n"), "relays.docs.headers.X A: no header has such a name")
      assert.notInclude(refused.join("\n"), "s3cret")
      const { file } = yield* withFile(relayWith({ "Authorization": "{env:A}", "X-Key": "{env:B}" }))
      assert.strictEqual(relayTargets(yield* loaded({ config: file })).length, 1)
    }))

  it.effect("gives the documented defaults where nothing is set", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(plain(yield* loaded({})), {
        listen: { host: "127.0.0.1", port: 4851, allowedHosts: [], allowedOrigins: [], maxBody: 4 * 1024 ** 2 },
        relay: {
          socket: {
            handshakeTimeout: "5s",
            silence: "30s",
            sendTimeout: "30s",
            ackWait: "500ms",
            queryTimeout: "5s",
            spawnTimeout: "30s",
            releaseTimeout: "10s",
            idle: "5m"
          }
        },
        embedded: { socket: false },
        token: {},
        relays: {},
        login: {},
        credentials: {},
        link: {
          connectTimeout: "5s",
          probeTimeout: "5s",
          silence: "10s",
          backoffBase: "500ms",
          backoffCap: "30s",
          backoffCapLoopback: "2s",
          healthyAfter: "30s",
          outageGrace: "5s",
          outageGraceLater: "2s",
          fallbackAfter: "3s",
          fallbackUnknownAfter: "8s",
          listTimeout: "10s",
          readTimeout: "30s",
          streamSilence: "5m"
        },
        sessions: { expireAfter: "30d", max: 10_000 },
        streams: {
          answerAsStreamAfter: "10s",
          modernAnswerAsStreamAfter: "50s",
          answerProgress: "50s",
          answerComment: "15s",
          comment: "25s",
          replayPerSession: 256 * 1024,
          replayInAll: 64 * 1024 ** 2
        },
        outbox: {
          bufferable: ["relay_send_message", "relay_reply", "relay_workspace_ready"],
          callIds: ["claudecode/toolUseId", "callId"],
          maxEntries: 10_000,
          maxBytes: 256 * 1024 ** 2,
          maxEntryBytes: 1024 ** 2,
          expireAfter: "7d",
          keepDelivered: "1d",
          workers: 8,
          waitForLane: "10s",
          retries: 10,
          retryBase: "1s",
          retryCap: "1m",
          retryHeld: "5m"
        },
        results: { keep: "1d", max: 100, maxBytes: 16 * 1024 ** 2, onClose: "keep" },
        menu: {
          rules: [{
            tools: workspaceTools,
            needs: "isolatedWorktree",
            reason: "they act on a worktree of the agent's own"
          }],
          narrow: "auto",
          searchesTools: ["claude-code"],
          ignoresListChanged: ["codex-mcp-client"],
          coalesce: "250ms"
        },
        context: {
          ready: ["relay_workspace_ready"],
          land: ["relay_workspace_land"],
          release: ["relay_workspace_release"],
          facts: [],
          git: { attach: true, branch: true, merge: true, removal: true, pollInterval: "2s" }
        },
        journal: {
          content: "none",
          keep: "7d",
          maxRecords: 100_000,
          maxBytes: 64 * 1024 ** 2,
          betweenRuns: "10m"
        },
        inbox: { max: 1000, maxBytes: 16 * 1024 ** 2, maxBody: 256 * 1024, keepRead: "7d" },
        uplinks: {},
        observe: {},
        log: { level: "info" }
      })
      assert.deepStrictEqual(yield* loaded({}), settingsFrom({}))
    }))

  it.effect("takes flags over environment over file over defaults", () =>
    Effect.gen(function*() {
      const { file } = yield* withFile({ listen: { port: 1, host: "::1" }, dataDir: "f", sessions: { max: 5 } })
      const env = { HOLDFAST_PORT: "2", HOLDFAST_DATA_DIR: "e", HOLDFAST_LOG_LEVEL: "error" }
      const flags = { port: 0, relay: "http://flag.test/mcp", dataDir: undefined }
      const settings = yield* loaded({ config: file, env, flags })
      assert.deepStrictEqual(
        [settings.listen.port, settings.listen.host, settings.dataDir, settings.sessions.max, settings.log.level],
        [0, "::1", "e", 5, "error"]
      )
      assert.strictEqual(settings.relay.url, "http://flag.test/mcp")
      assert.strictEqual((yield* loaded({ env: { HOLDFAST_CONFIG: file } })).listen.port, 1)
    }))

  it.effect("finds the user's own file by itself, and needs none", () =>
    Effect.gen(function*() {
      const { home } = yield* withFile({ $schema: "x", listen: { port: 7 } })
      assert.strictEqual((yield* loaded({ env: { XDG_CONFIG_HOME: home } })).listen.port, 7)
      assert.strictEqual((yield* loaded({ env: { XDG_CONFIG_HOME: `${home}/none` } })).listen.port, 4851)
    }))

  it.effect("reads lists, numbers, durations, sizes and JSON from the environment", () =>
    Effect.gen(function*() {
      const settings = yield* loaded({
        env: {
          HOLDFAST_OUTBOX_BUFFERABLE: "a, b_*",
          HOLDFAST_CONTEXT_READY: "",
          HOLDFAST_OUTBOX_MAX_ENTRY_BYTES: "2 MiB",
          HOLDFAST_LINK_SILENCE: "1 minute",
          HOLDFAST_TOKEN_FILE: "/run/token",
          HOLDFAST_MENU_RULES: "[{\"tools\":[\"x\"],\"needs\":\"isolatedWorktree\"}]",
          HOLDFAST_RELAYS: "{\"two\":{\"url\":\"https://two.test/mcp\"}}",
          HOLDFAST_RELAY_TOKEN: "secret",
          HOLDFAST_AGENT_SECRET: "secret",
          HOLDFAST_LOG_FORMAT: "",
          HOME: ""
        }
      })
      assert.deepStrictEqual(settings.outbox.bufferable, ["a", "b_*"])
      assert.deepStrictEqual(settings.context.ready, [])
      assert.strictEqual(ByteSize.toNumberUnsafe(settings.outbox.maxEntryBytes), 2 * 1024 ** 2)
      assert.strictEqual(Duration.toMillis(settings.link.silence), 60_000)
      assert.strictEqual(settings.token.file, "/run/token")
      assert.deepStrictEqual(settings.menu.rules, [{ tools: ["x"], needs: "isolatedWorktree" }])
      assert.deepStrictEqual(relayTargets(settings).map(({ id, url }) => [id, url.host]), [["two", "two.test"]])
    }))

  it.effect.each<[string, Record<string, string>]>([
    [
      "outbox.workers: \"many\" is not valid; expected an integer greater than 0 (from HOLDFAST_OUTBOX_WORKERS)",
      { HOLDFAST_OUTBOX_WORKERS: "many" }
    ],
    [
      "outbox.workers: 0 is not valid; expected an integer greater than 0 (from HOLDFAST_OUTBOX_WORKERS)",
      { HOLDFAST_OUTBOX_WORKERS: "0" }
    ],
    [
      "listen.port: 70000 is not valid; expected a port from 0 to 65535 (from HOLDFAST_PORT)",
      { HOLDFAST_PORT: "70000" }
    ],
    [
      "link.silence: \"soon\" is not valid; expected a duration such as \"30 seconds\" (from HOLDFAST_LINK_SILENCE)",
      { HOLDFAST_LINK_SILENCE: "soon" }
    ],
    [
      "link.silence: \"-1 seconds\" is not valid; expected a duration such as \"30 seconds\" (from HOLDFAST_LINK_SILENCE)",
      { HOLDFAST_LINK_SILENCE: "-1 seconds" }
    ],
    [
      "outbox.maxBytes: \"256\" is not valid; expected a size such as \"256 MiB\" (from HOLDFAST_OUTBOX_MAX_BYTES)",
      { HOLDFAST_OUTBOX_MAX_BYTES: "256" }
    ],
    [
      "log.level: \"loud\" is not valid; expected \"debug\" | \"info\" | \"warning\" | \"error\" (from HOLDFAST_LOG_LEVEL)",
      { HOLDFAST_LOG_LEVEL: "loud" }
    ],
    [
      "relay.url: \"localhost:4850\" is not valid; expected an absolute http or https URL without user and password, or the file of a local relay's socket as unix:///path (from HOLDFAST_RELAY_URL)",
      { HOLDFAST_RELAY_URL: "localhost:4850" }
    ],
    [
      "relay.url: the value is not valid; expected an absolute http or https URL without user and password, or the file of a local relay's socket as unix:///path (from HOLDFAST_RELAY_URL)",
      { HOLDFAST_RELAY_URL: "http://user:password@relay.test" }
    ],
    [
      "HOLDFAST_OUTBOX_WORKER is not a variable of Holdfast; a setting's variable is its path, as in HOLDFAST_OUTBOX_WORKERS for outbox.workers",
      { HOLDFAST_OUTBOX_WORKER: "8" }
    ],
    [
      "token: value and file are both set: say in `sources` in which order to ask them (from HOLDFAST_TOKEN_VALUE, HOLDFAST_TOKEN_FILE)",
      { HOLDFAST_TOKEN_VALUE: "secret", HOLDFAST_TOKEN_FILE: "f" }
    ],
    [
      "token.sources: file is listed but not set (from HOLDFAST_TOKEN_SOURCES)",
      { HOLDFAST_TOKEN_SOURCES: "environment,file" }
    ],
    [
      "token.sources: value is set but not listed (from HOLDFAST_TOKEN_SOURCES)",
      { HOLDFAST_TOKEN_SOURCES: "environment", HOLDFAST_TOKEN_VALUE: "secret" }
    ],
    [
      "token.sources.0: \"vault\" is not valid; expected \"value\" | \"file\" | \"command\" | \"url\" | \"oauth\" | \"uplink\" | \"environment\" (from HOLDFAST_TOKEN_SOURCES)",
      { HOLDFAST_TOKEN_SOURCES: "vault" }
    ],
    [
      "relays.a b: a relay's name is 1 to 64 letters, digits, dots, dashes or underscores, a letter or digit first (from HOLDFAST_RELAYS)",
      { HOLDFAST_RELAYS: "{\"a b\":{\"url\":\"http://x.test\"}}" }
    ],
    [
      "relays.default: the default relay is set by relay.url and token (from HOLDFAST_RELAYS)",
      { HOLDFAST_RELAYS: "{\"default\":{\"url\":\"http://x.test\"}}" }
    ],
    ["relays.two.url is missing (from HOLDFAST_RELAYS)", { HOLDFAST_RELAYS: "{\"two\":{}}" }],
    ["relays: the value is not valid; expected object (from HOLDFAST_RELAYS)", { HOLDFAST_RELAYS: "{secret" }]
  ])("refuses: %s", ([message, env]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* issues({ env }), [message])
    }))

  it.effect("names each unknown key and bad value of the file at once, never a secret", () =>
    Effect.gen(function*() {
      const { file } = yield* withFile({
        bogus: 1,
        outbox: { bufferable: "relay_reply", worker: 3 },
        token: "hunter2",
        menu: { rules: [{ tools: [1] }] }
      })
      const found = yield* issues({ config: file })
      assert.isFalse(found.join().includes("hunter2"))
      const key = (issue: string) => issue.split(/[ :]/)[0]
      assert.deepStrictEqual(found.map(key).sort(), [
        "bogus",
        "menu.rules.0.needs",
        "menu.rules.0.tools.0",
        "outbox.bufferable",
        "outbox.worker",
        "token"
      ])
      const [bogus = ""] = found.filter((issue) => key(issue) === "bogus")
      assert.isTrue(bogus.startsWith("bogus is not a setting; known here: $schema, dataDir, listen,"))
      assert.isTrue(found.every((issue) => issue.endsWith(`(from ${file})`)))
      assert.include(
        found,
        `outbox.bufferable: "relay_reply" is not valid; expected a list of texts (from ${file})`
      )
    }))

  it.effect("says where a file is no JSON, without quoting it", () =>
    Effect.gen(function*() {
      const { file } = yield* withFile("{\n  \"token\": {\"value\": \"hunter2\"}\n  \"relay\": {} // x\n}")
      assert.deepStrictEqual(yield* issues({ config: file }), [
        `${file} is not JSON: comma expected at line 3, column 3`
      ])
      const list = yield* withFile([])
      assert.match((yield* issues({ config: list.file })).join(), /must hold an object/)
      assert.match((yield* issues({ config: `${file}.none` })).join(), /^there is no file \S+\.none$/)
    }))

  it.effect("keeps a token's value redacted", () =>
    Effect.gen(function*() {
      const settings = yield* loaded({ env: { HOLDFAST_TOKEN_VALUE: "hunter2" } })
      assert.strictEqual(settings.token.value && Redacted.value(settings.token.value), "hunter2")
      assert.isFalse(String(settings.token.value).includes("hunter2"))
    }))
})

describe("the environment", () => {
  it("has one variable for each setting", () => {
    const variables = settingPaths().map(({ path }) => variableOf(path))
    assert.strictEqual(new Set(variables).size, variables.length)
    const env = Object.fromEntries(variables.map((variable) => [variable, "x"]))
    assert.deepStrictEqual(fromEnvironment(env).issues, [])
    assert.strictEqual(fromEnvironment(env).givens.length, variables.length)
    assert.include(variables, "HOLDFAST_LINK_BACKOFF_CAP_LOOPBACK")
  })
})

describe("relayTargets", () => {
  it("gives the default relay first, then those by name", () => {
    const targets = relayTargets(settingsFrom({
      relay: { url: "http://localhost:4850/api/mcp" },
      token: { file: "t" },
      relays: { two: { url: "https://two.test/mcp", token: { file: "u" } } }
    }))
    assert.deepStrictEqual(targets.map(({ id, token, url }) => [id, url.href, token.file]), [
      ["default", "http://localhost:4850/api/mcp", "t"],
      ["two", "https://two.test/mcp", "u"]
    ])
    assert.deepStrictEqual(relayTargets(settingsFrom({})), [])
  })
})
