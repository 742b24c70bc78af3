/** Each proof alone: what a command finds is right but for one thing. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { DaemonLock } from "../../../src/storage/DaemonLock.ts"
import { DataDirectory } from "../../../src/storage/DataDirectory.ts"
import * as EndpointFile from "../../../src/storage/EndpointFile.ts"
import { listenersAt } from "../../../src/storage/ListeningSocket.ts"
import { provenDaemon } from "../../../src/storage/ProvenDaemon.ts"
import { listening } from "../../support/listening.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const lock = (path: string) => Layer.provide(DaemonLock.layer, DataDirectory.layerAt(path))

const announce = (path: string, port: number) =>
  EndpointFile.announce({ url: `http://127.0.0.1:${port}/mcp`, port, pid: process.pid, startedAt: 0 }).pipe(
    Effect.provide(DataDirectory.layerAt(path))
  )

const change = (path: string, part: object) => {
  const file = join(path, "endpoint.json")
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), ...part }))
}

/** All that a daemon has: the lock, a socket, a file that names both. */
const daemon = Effect.gen(function*() {
  const path = yield* temporaryDirectory
  yield* Layer.build(lock(path))
  const port = yield* listening((_, response) => void response.end())
  yield* announce(path, port)
  return { path, port }
})

const refused = (path: string) =>
  Effect.map(Effect.flip(provenDaemon(path)), ({ found, reason }) => ({ found, reason }))

/** A plain server at an address, until the scope ends; its port. */
const listeningAt = (host: string, port: number, ipv6Only = false) =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer().listen({ host, port, ipv6Only }, () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
  ).pipe(Effect.map((server) => {
    const address = server.address()
    return typeof address === "object" && address !== null ? address.port : 0
  }))

describe("a daemon", () => {
  it.live("is proven where lock, process and socket are its own, and its URL comes with that", () =>
    Effect.gen(function*() {
      const { path, port } = yield* daemon
      assert.deepStrictEqual(yield* provenDaemon(path), { url: `http://127.0.0.1:${port}/mcp`, pid: process.pid })
      // Nothing that was looked at frees the lock of this very process.
      assert.deepStrictEqual(yield* provenDaemon(path), { url: `http://127.0.0.1:${port}/mcp`, pid: process.pid })
    }))

  it.live("of an older version, which recorded no start, is proven by the rest", () =>
    Effect.gen(function*() {
      const { path } = yield* daemon
      change(path, { processStart: undefined })
      yield* provenDaemon(path)
    }))

  it.live("is not proven where nobody announced one", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* refused(yield* temporaryDirectory)).reason, "none announced")
    }))

  it.live("is not proven where its process has ended", () =>
    Effect.gen(function*() {
      const { path } = yield* daemon
      // Larger than any process id.
      change(path, { pid: 2 ** 30 })
      assert.include((yield* refused(path)).found, "is gone")
    }))

  it.live.skipIf(process.platform !== "linux")(
    "is not proven where its process id is another program's now",
    () =>
      Effect.gen(function*() {
        const { path } = yield* daemon
        change(path, { processStart: 1 })
        assert.include((yield* refused(path)).found, "is another program")
      })
  )

  it.live.skipIf(process.platform !== "linux")(
    "is not proven where nobody listens at its port",
    () =>
      Effect.gen(function*() {
        const { path } = yield* daemon
        change(path, { port: 9, url: "http://127.0.0.1:9/mcp" })
        assert.strictEqual((yield* refused(path)).reason, "silent")
      })
  )

  it.live("is not proven where nobody holds the lock, whoever else is right", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      yield* Effect.scoped(Layer.build(lock(path)))
      const port = yield* listening((_, response) => void response.end())
      yield* announce(path, port)
      assert.strictEqual((yield* refused(path)).reason, "lock free")
      // Asking took no lock that stays.
      yield* Layer.build(lock(path))
    }))
})

describe.skipIf(process.platform !== "linux")("the listeners at an address", () => {
  const own = process.getuid?.() ?? 0

  it.live.each(
    [
      { bound: "127.0.0.1", asked: "127.0.0.1" },
      { bound: "0.0.0.0", asked: "127.0.0.1" },
      { bound: "::", asked: "127.0.0.1" },
      { bound: "::", asked: "::1" },
      { bound: "::1", asked: "::1" },
      { bound: "::1", asked: "localhost" },
      { bound: "127.0.0.1", asked: "localhost" }
    ] as const
  )("of a socket at $bound are found at $asked", ({ asked, bound }) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(listenersAt(asked, yield* listeningAt(bound, 0)), [own])
    }))

  it.live("are not those at another address of the machine", () =>
    Effect.gen(function*() {
      const port = yield* listeningAt("127.0.0.2", 0)
      assert.deepStrictEqual(listenersAt("127.0.0.1", port), [])
      assert.deepStrictEqual(listenersAt("::1", port), [])
    }))

  it.live("are that at the very address, not that at all addresses", () =>
    Effect.gen(function*() {
      const port = yield* listeningAt("127.0.0.1", 0)
      yield* listeningAt("::", port, true)
      assert.deepStrictEqual(listenersAt("127.0.0.1", port), [own])
      assert.deepStrictEqual(listenersAt("localhost", port), [own, own])
    }))
})
