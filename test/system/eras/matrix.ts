/** Every client in front of every relay: what works, and what is refused, in which words. */
import { LOG_LEVEL_META_KEY } from "@modelcontextprotocol/server"
import { Cause, Effect, Exit } from "effect"
import type { CallResult } from "../../support/ClientCall.ts"
import { Clients } from "../../support/Clients.ts"
import type { Daemon } from "../../support/Daemon.ts"
import { texts } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import type { TestRelay } from "../../support/relay/TestRelay.ts"
import { type MatrixClient, rawRevision } from "./RawRevision.ts"

export const relayEras = [
  { era: "legacy", title: "In front of a relay with sessions only (2025-11-25 and before)" },
  { era: "modern", title: "In front of a relay without sessions (2026-07-28)" },
  { era: "both", title: "In front of a relay that serves both" }
] as const

const official = (name: string) => ({ name, obliging: true })

/** Client, revision as it is spoken, and how it connects. */
export const clients = [
  ...["2024-11-05", "2025-03-26", "2025-06-18"].map((revision) => ({
    client: "by hand",
    revision,
    connect: ({ secret, url }: Daemon) => rawRevision(url, secret, revision)
  })),
  {
    client: "sdk 1.32",
    revision: "2025-11-25",
    connect: ({ secret, url }: Daemon) => Clients.sdk(url, { secret, ...official("m-sdk") })
  },
  {
    client: "client 2.4",
    revision: "2025-11-25",
    connect: ({ secret, url }: Daemon) => Clients.client(url, { secret, ...official("m-legacy") })
  },
  {
    client: "client 2.4, negotiating",
    revision: "2026-07-28",
    connect: ({ secret, url }: Daemon) => Clients.client(url, { secret, modern: true, ...official("m-auto") })
  },
  {
    client: "client 2.4, pinned",
    revision: "2026-07-28",
    connect: ({ secret, url }: Daemon) => Clients.client(url, { secret, modern: "pinned", ...official("m-pinned") })
  },
  {
    client: "client 2.4, over stdio",
    revision: "2025-11-25",
    connect: ({ dataDir, url }: Daemon) => Clients.client(url, { stdio: dataDir, ...official("m-stdio") })
  },
  {
    client: "client 2.4, over stdio",
    revision: "2026-07-28",
    connect: ({ dataDir, url }: Daemon) =>
      Clients.client(url, { stdio: dataDir, modern: "pinned", ...official("m-stdio-modern") })
  }
]

export type Outcome = string

/** A revision that does not have it. */
const lacks: Outcome = "–"
const works: Outcome = "yes"

const includes = (needle: string) => (value: unknown): boolean => JSON.stringify(value).includes(needle)

const refused = ({ content, isError }: CallResult): string | undefined =>
  isError === true ? JSON.stringify(content) : undefined

/** What came of it: it works, or the words in which it was refused; whatever hangs or is silent is a defect. */
const outcome = <A, E extends { readonly message: string }>(
  check: Effect.Effect<A, E>,
  holds: (value: A) => boolean
): Effect.Effect<Outcome> =>
  check.pipe(
    Effect.timeout("15 seconds"),
    Effect.exit,
    Effect.map((exit) => {
      if (Exit.isSuccess(exit)) return holds(exit.value) ? works : `refused: ${JSON.stringify(exit.value)}`
      const error = Cause.squash(exit.cause)
      return `refused: ${error instanceof Error ? error.message : String(error)}`
    })
  )

interface Column {
  readonly name: string
  readonly since?: string
  readonly check: (
    client: MatrixClient,
    mine: string,
    revision: string,
    stdio: boolean
  ) => Effect.Effect<Outcome>
}

/** While the relay is there. */
const there: ReadonlyArray<Column> = [
  { name: "tools", check: (client) => outcome(client.toolNames, (names) => names.includes("echo")) },
  {
    name: "call",
    check: (client, mine) => outcome(client.call("echo", { text: mine }), includes(mine))
  },
  {
    name: "progress",
    check: (client, _mine, _revision, stdio) =>
      Effect.suspend(() => {
        const steps: Array<number> = []
        const onProgress = ({ progress }: { readonly progress: number }) => void steps.push(progress)
        const told = Effect.map(client.call("slow", { millis: 60, steps: 3 }, { onProgress }), () => steps.join())
        // Steps that this client reads together with the answer, which over stdio happens, it passes over by itself.
        return outcome(told, (steps) => steps === "1,2,3" || (stdio && "1,2,3".startsWith(steps)))
      })
  },
  { name: "prompt", check: (client) => outcome(client.prompt("greet", { name: "bob" }), includes("Hello, bob")) },
  { name: "resource", check: (client) => outcome(client.resource("relay://inbox"), includes("application/json")) },
  { name: "completion", check: (client) => outcome(client.complete("greet", "name", "al"), includes("alan")) },
  {
    name: "log messages",
    check: (client, mine, revision) => {
      // Without sessions each request says by itself what it wants to be told.
      const meta = revision >= "2026-07-28" ? { [LOG_LEVEL_META_KEY]: "debug" } : {}
      const logged = eventually("the message", client.logged, (logged) => logged.includes(mine), "5 seconds")
      return outcome(Effect.andThen(client.call("log", { text: mine }, { meta }), logged), () => true)
    }
  },
  {
    name: "question to the user",
    since: "2025-06-18",
    check: (client) =>
      outcome(client.call("elicit"), (result) => refused(result) === undefined && includes("accept")(result))
  },
  { name: "question to the model", check: (client) => outcome(client.call("sample"), includes("a model's words")) },
  { name: "question for its folders", check: (client) => outcome(client.call("roots"), includes("file:///work")) }
]

/** All of `clients` with one relay, and after its death; the outcomes by client, in the order of `columns`. */
export const rows = Effect.fnUntraced(function*(relay: TestRelay, daemon: Daemon) {
  const connected = yield* Effect.forEach(
    clients,
    (client, index) =>
      Effect.map(client.connect(daemon), (connection) => ({ ...client, connection, mine: `mine-${index}` }))
  )
  const each = (since: string, check: Column["check"]) =>
    Effect.forEach(
      connected,
      ({ client, connection, mine, revision }) =>
        revision < since ? Effect.succeed(lacks) : check(connection, mine, revision, client.endsWith("stdio")),
      { concurrency: "unbounded" }
    )

  const outcomes: Array<ReadonlyArray<Outcome>> = []
  for (const { check, since = "" } of there) outcomes.push(yield* each(since, check))

  yield* eventually("the relay's streams", relay.control.counts, ({ streams }) => streams >= connected.length)
  yield* relay.control.putTool({ name: "new", inputSchema: { type: "object" } })
  outcomes.push(yield* each("", (client) => outcome(client.awaitListChanged(), () => true)))

  yield* relay.kill
  outcomes.push(yield* each("", (client) => outcome(client.toolNames, (names) => names.includes("new"))))
  const queued = yield* each(
    "",
    (client, mine) => outcome(client.call("relay_send_message", { to: "b", text: mine }), includes("\"queued\":true"))
  )
  yield* relay.restart()
  const delivered = yield* eventually("the queued calls", texts(relay), (all) => all.length >= connected.length)
  outcomes.push(
    queued.map((told, index) =>
      told !== works
        ? told
        : delivered.filter((text) => text === `mine-${index}`).length === 1
        ? works
        : "refused: lost"
    )
  )
  return clients.map((_, index) => outcomes.map((column) => column[index] ?? ""))
})

export const columns = [...there.map(({ name }) => name), "list_changed", "tools while it is away", "queued call"]
