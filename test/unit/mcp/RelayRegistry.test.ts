import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option, Ref } from "effect"
import type { RelayTarget } from "../../../src/config/Settings.ts"
import { defaultRelay, RelayId } from "../../../src/domain/Ids.ts"
import { RelayRegistry } from "../../../src/mcp/RelayRegistry.ts"
import { scriptedRelay } from "../../support/scriptedRelay.ts"

type Target = RelayTarget["Service"]

const target = (name: string, url = `http://${name}.test/mcp`): Target => ({
  id: RelayId.make(name),
  url: new URL(url),
  token: {}
})

const [own, docs, wiki] = [target(defaultRelay), target("docs"), target("wiki")]
const names = Effect.map(RelayRegistry.use(({ list }) => list), (all) => all.map(({ id }): string => id))
const reload = RelayRegistry.use((registry) => registry.reload)

/** What the registry did, what it reads anew, and whether the next relays can be built. */
const make = Effect.gen(function*() {
  const done: Array<string> = []
  const found = yield* Ref.make<ReadonlyArray<Target>>([own, docs])
  const broken = yield* Ref.make<string | undefined>(undefined)
  const drained = yield* Ref.make<Effect.Effect<void>>(Effect.void)
  const build = Effect.fnUntraced(function*({ id, url }: Target) {
    if ([id, url.href].includes((yield* Ref.get(broken)) ?? "")) {
      return yield* Effect.fail({ message: `${id} has no token` })
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => done.push(`${id} begins`)),
      () => Effect.sync(() => done.push(`${id} ends`))
    )
    return yield* scriptedRelay({
      id,
      url,
      outbox: {
        drain: Effect.andThen(Effect.flatten(Ref.get(drained)), Effect.sync(() => done.push(`${id} drains`))),
        stats: Effect.succeed({
          dead: 1,
          held: 1,
          inflight: 0,
          pending: 2,
          delivered: 9,
          bytes: 0,
          oldestAt: Option.none(),
          writable: true
        })
      },
      sessions: {
        idle: Effect.void,
        stopRequests: Effect.void,
        endListening: Effect.sync(() => done.push(`${id} ends its streams`))
      }
    })
  })
  const layer = RelayRegistry.layer({
    relays: [own, docs],
    reread: Effect.map(Ref.get(found), (relays) => ({ relays, needRestart: ["outbox.workers"] })),
    build
  })
  return { done, found, broken, drained, layer }
})

describe("the registry of relays", () => {
  it.effect("finds each relay of the start by its name, and no other", () =>
    Effect.gen(function*() {
      const { layer } = yield* make
      yield* Effect.gen(function*() {
        const { find } = yield* RelayRegistry
        assert.deepStrictEqual(yield* names, ["default", "docs"])
        assert.strictEqual(find("docs")?.url.href, "http://docs.test/mcp")
        assert.isUndefined(find("wiki"))
      }).pipe(Effect.provide(layer))
    }))

  it.effect("serves what came, ends what went after what it accepted, and leaves the others alone", () =>
    Effect.gen(function*() {
      const { done, found, layer } = yield* make
      yield* Effect.gen(function*() {
        const before = (yield* RelayRegistry).find(defaultRelay)
        done.length = 0
        yield* Ref.set(found, [own, wiki])
        assert.deepStrictEqual(yield* reload, {
          relays: [defaultRelay, wiki.id],
          added: [wiki.id],
          changed: [],
          removed: [{ relay: docs.id, undelivered: 4 }],
          needRestart: ["outbox.workers"]
        })
        assert.deepStrictEqual(done, ["wiki begins", "docs drains", "docs ends its streams", "docs ends"])
        assert.strictEqual((yield* RelayRegistry).find(defaultRelay), before)
      }).pipe(Effect.provide(layer))
    }))

  it.effect("builds a relay that changed anew, but for the default one", () =>
    Effect.gen(function*() {
      const { done, found, layer } = yield* make
      yield* Effect.gen(function*() {
        done.length = 0
        yield* Ref.set(found, [target(defaultRelay, "http://else.test/mcp"), target("docs", "http://else.test/mcp")])
        assert.deepStrictEqual((yield* reload).changed, [docs.id])
        const { find } = yield* RelayRegistry
        assert.strictEqual(find("docs")?.url.href, "http://else.test/mcp")
        assert.strictEqual(find(defaultRelay)?.url.href, own.url.href)
        assert.deepStrictEqual(done, ["docs drains", "docs ends its streams", "docs ends", "docs begins"])
      }).pipe(Effect.provide(layer))
    }))

  it.effect("changes nothing where the configuration cannot be read", () =>
    Effect.gen(function*() {
      const layer = RelayRegistry.layer({
        relays: [own],
        reread: Effect.fail({ message: "relays.docs.url is no URL" }),
        build: (each) => scriptedRelay({ id: each.id })
      })
      yield* Effect.gen(function*() {
        const error = yield* Effect.flip(reload)
        assert.strictEqual(error.message, "the relays stay as they are: relays.docs.url is no URL")
        assert.deepStrictEqual(yield* names, ["default"])
      }).pipe(Effect.provide(layer))
    }))

  it.effect("serves none of those that came where one of them cannot be built; the next reload brings them", () =>
    Effect.gen(function*() {
      const { broken, found, layer } = yield* make
      yield* Effect.gen(function*() {
        yield* Ref.set(found, [own, docs, wiki, target("blog")])
        yield* Ref.set(broken, "wiki")
        assert.strictEqual((yield* Effect.flip(reload)).message, "the relays stay as they are: wiki has no token")
        assert.deepStrictEqual(yield* names, ["default", "docs"])
        yield* Ref.set(broken, undefined)
        assert.deepStrictEqual((yield* reload).added, [wiki.id, RelayId.make("blog")])
        assert.deepStrictEqual(yield* names, ["default", "docs", "wiki", "blog"])
      }).pipe(Effect.provide(layer))
    }))

  it.effect("is as it was where one that changed cannot be built: what came ends, what went and what changed is served", () =>
    Effect.gen(function*() {
      const { broken, done, found, layer } = yield* make
      yield* Effect.gen(function*() {
        yield* Ref.set(found, [own, docs, wiki])
        yield* reload
        done.length = 0
        const changed = target("docs", "http://else.test/mcp")
        yield* Ref.set(found, [own, changed, target("blog")])
        // The one build that fails is the changed one's; as it was, it can be built.
        yield* Ref.set(broken, changed.url.href)
        const error = yield* Effect.flip(reload)
        assert.strictEqual(error.message, "the relays stay as they are: docs has no token")
        assert.deepStrictEqual([...yield* names].sort(), ["default", "docs", "wiki"])
        assert.strictEqual((yield* RelayRegistry).find("docs")?.url.href, docs.url.href)
        assert.notInclude(done, "wiki ends")
        assert.include(done, "blog ends")
        yield* Ref.set(broken, undefined)
        assert.deepStrictEqual((yield* reload).changed, [docs.id])
        assert.strictEqual((yield* RelayRegistry).find("docs")?.url.href, changed.url.href)
      }).pipe(Effect.provide(layer))
    }))

  it.effect("reloads one at a time", () =>
    Effect.gen(function*() {
      const { done, drained, found, layer } = yield* make
      yield* Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        yield* Ref.set(drained, Deferred.await(gate))
        yield* Ref.set(found, [own])
        const first = yield* Effect.forkChild(reload, { startImmediately: true })
        yield* Ref.set(found, [own, docs])
        const second = yield* Effect.forkChild(reload, { startImmediately: true })
        assert.isUndefined((yield* RelayRegistry).find("docs"))
        done.length = 0
        yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual((yield* Fiber.join(first)).removed.map(({ relay }) => relay), [docs.id])
        assert.deepStrictEqual((yield* Fiber.join(second)).added, [docs.id])
        assert.deepStrictEqual(done, ["docs drains", "docs ends its streams", "docs ends", "docs begins"])
      }).pipe(Effect.provide(layer))
    }))
})
