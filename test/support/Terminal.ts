/** The command line in a test: arguments in; what it printed and its exit code out. */
import { NodeServices } from "@effect/platform-node"
import { Console, Context, Effect, FileSystem, Layer, Path, Redacted } from "effect"
import { Command, TerminalCapabilities } from "effect/cli"
import { TestConsole } from "effect/testing"
import { AdminHandler } from "../../src/admin/AdminHandler.ts"
import { exitCode } from "../../src/cli/exitCode.ts"
import { holdfast } from "../../src/cli/holdfast.ts"
import { presenter, reportFailure } from "../../src/cli/reporting.ts"
import { builtIns } from "../../src/cli/root.ts"
import type { Entry } from "../../src/outbox/Entry.ts"
import { DaemonLock } from "../../src/storage/DaemonLock.ts"
import { DataDirectory } from "../../src/storage/DataDirectory.ts"
import { doubles, secret } from "./adminDoubles.ts"
import { listening } from "./listening.ts"

const plain = Layer.succeed(TerminalCapabilities.TerminalCapabilities, {
  canColor: false,
  canAnimate: false,
  canPrompt: false
})

const text = (lines: ReadonlyArray<unknown>) => lines.map(String).join("\n")

/** On a data directory and with a configuration file, so that none of the developer's gets in. */
export const runWith = Effect.fnUntraced(
  function*(files: { readonly dataDir: string; readonly config: string }, ...args: ReadonlyArray<string>) {
    const console = yield* TestConsole.make
    const exit = yield* Command.runWith(holdfast, { version: "0.0.0" })([
      ...args,
      "--data-dir",
      files.dataDir,
      "--config",
      files.config
    ]).pipe(
      Effect.tapCause(reportFailure),
      Effect.provide([builtIns, presenter, plain]),
      Effect.provideService(Console.Console, console),
      Effect.exit
    )
    return { code: exitCode(exit), out: text(yield* console.logLines), err: text(yield* console.errorLines) }
  },
  Effect.provide(NodeServices.layer)
)

/** With an empty configuration. */
export const run = Effect.fnUntraced(function*(dataDir: string, ...args: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const config = (yield* Path.Path).join(dataDir, "empty.json")
  yield* fs.writeFileString(config, "{}", { mode: 0o600 })
  return yield* runWith({ dataDir, config }, ...args)
}, Effect.provide(NodeServices.layer))

export const dataDirectory = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.makeTempDirectoryScoped({ prefix: "holdfast-cli-" })
}).pipe(Effect.provide(NodeServices.layer))

/** A daemon that is only its admin API, over doubles; its data directory. */
export const daemon = Effect.fnUntraced(function*(entries: ReadonlyArray<Entry>) {
  const directory = yield* dataDirectory
  const handler = yield* Effect.map(
    Layer.build(AdminHandler.layerNoDeps.pipe(Layer.provide(doubles(entries)))),
    (context) => Context.get(context, AdminHandler)
  )
  const port = yield* listening(handler.handle)
  yield* Layer.build(Layer.provide(DaemonLock.layer, DataDirectory.layerAt(directory)))
  yield* leaveFiles(directory, port, process.pid)
  return directory
})

/** A daemon whose status lacks what a newer one says; it is the process `pid`, and refuses to be restarted. */
export const olderDaemon = Effect.fnUntraced(function*(pid: number) {
  const directory = yield* dataDirectory
  const port = yield* listening(({ url }, response) => {
    response.setHeader("content-type", "application/json")
    if (url === "/api/status") response.end(JSON.stringify({ daemon: { version: "0.0.1", pid }, relays: [] }))
    else response.writeHead(409).end(JSON.stringify({ _tag: "Conflict", message: "restart its service" }))
  })
  yield* Layer.build(Layer.provide(DaemonLock.layer, DataDirectory.layerAt(directory)))
  yield* leaveFiles(directory, port, process.pid)
  return directory
})

/** What a daemon that was killed leaves behind: files that name a port on which nobody listens. */
export const abandoned = Effect.tap(dataDirectory, (directory) => leaveFiles(directory, 9, process.pid))

/** Another program on the port of a daemon that is no more. */
export const impostor = Effect.gen(function*() {
  let requests = 0
  const port = yield* listening((_, response) => {
    requests += 1
    response.end()
  })
  const directory = yield* dataDirectory
  yield* leaveFiles(directory, port, noProcess)
  return { directory, requests: Effect.sync(() => requests) }
})

/** Larger than any process id. */
const noProcess = 2 ** 30

const leaveFiles = Effect.fnUntraced(function*(directory: string, port: number, pid: number) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const endpoint = { url: `http://127.0.0.1:${port}/mcp`, port, pid, startedAt: 0 }
  yield* fs.writeFileString(path.join(directory, "endpoint.json"), JSON.stringify(endpoint))
  yield* fs.writeFileString(path.join(directory, "admin-secret"), `${Redacted.value(secret)}\n`)
}, Effect.provide(NodeServices.layer))
