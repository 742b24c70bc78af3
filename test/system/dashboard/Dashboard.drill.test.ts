/** The dashboard in a real browser, before a real daemon and a real relay. */
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Page } from "playwright-core"
import { Browser, linkOf, program } from "../../support/Browser.ts"
import { browserRequest } from "../../support/BrowserRequest.ts"
import { Clients } from "../../support/Clients.ts"
import { fullOf, inPage, scrollToEnd, verdictMillis } from "../../support/dashboardPage.ts"
import { assertQueued, send } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { listening } from "../../support/listening.ts"
import * as Answer from "../../support/relay/Answer.ts"
import { Rig } from "../../support/Rig.ts"

const axe = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8")

const shows = (page: Page, selector: string, text: string | RegExp) =>
  Effect.promise(() => page.locator(selector).filter({ hasText: text }).first().waitFor({ timeout: 60_000 }))

const click = (page: Page, name: string | RegExp) =>
  Effect.promise(() => page.getByRole("button", { name }).first().click())

const violations = (page: Page): Effect.Effect<ReadonlyArray<string>> =>
  Effect.andThen(
    inPage<unknown>(page, axe),
    inPage<ReadonlyArray<string>>(
      page,
      `axe.run().then(({ violations }) =>
        violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" ").slice(0, 300)))`
    )
  )

/** A letter that the relay refused for good, under that text. */
const deadLetter = Effect.fnUntraced(function*(text: string) {
  const { daemon, relay } = yield* Rig
  const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
  yield* relay.kill
  assertQueued(yield* send(client, text))
  yield* relay.restart()
  yield* relay.control.answerNext(1, Answer.rpcError(-32602, "no such agent"), { tool: "relay_send_message" })
  yield* eventually(
    "the dead letter",
    daemon.admin("/api/outbox?state=dead"),
    ({ body }) => JSON.stringify(body).includes("no such agent")
  )
})

const Live = Layer.merge(Rig.layer(), Browser.layer)

describe.skipIf(program === undefined)("the dashboard", () => {
  layer(Live, { excludeTestServices: true })("in a browser", (it) => {
    it.effect("is opened by the link of holdfast open, which opens nothing a second time", () =>
      Effect.gen(function*() {
        const { daemon } = yield* Rig
        const browser = yield* Browser
        const { stdout } = yield* daemon.command("open", "--print")
        const first = yield* browser.blank()
        yield* Effect.promise(() => first.page.goto(stdout.trim()))
        yield* shows(first.page, "#verdict", "The relay is up")
        assert.notInclude(first.page.url(), "sign-in")
        const thief = yield* browser.blank()
        yield* Effect.promise(() => thief.page.goto(stdout.trim()))
        yield* shows(thief.page, "main", "holdfast open")
        assert.strictEqual(yield* Effect.promise(() => thief.page.locator("#verdict").count()), 0)
        yield* click(first.page, "Sign out")
        yield* shows(first.page, "main", "holdfast open")
      }))

    it.effect("shows an outage as it comes and goes, and what waits meanwhile", () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        const { asked, errors, page } = yield* (yield* Browser).open(daemon)
        const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret, name: "watched" })
        yield* shows(page, "#verdict", "The relay is up")
        yield* shows(page, ".scroll", "watched")

        yield* relay.kill
        assertQueued(yield* send(client, "while it is away"))
        yield* shows(page, "#verdict", /The relay is away.*1 call waits/)
        yield* shows(page, ".attention li", "The relay is away")
        yield* shows(page, ".fact", /Waiting.*1 call/)
        yield* click(page, /^Try now/)
        yield* shows(page, ".said", "The relay does not answer")

        yield* relay.restart()
        yield* shows(page, "#verdict", "The relay is up")
        yield* shows(page, ".fact", /Away today.*in \d+ outage/)
        yield* shows(page, ".fact", /Waiting.*0 calls/)
        yield* shows(page, ".state.delivered", "delivered")
        const origin = new URL(daemon.url).origin
        assert.deepStrictEqual(asked.filter((url) => new URL(url).origin !== origin), [])
        assert.deepStrictEqual(errors, [])
      }))

    it.effect("sends a dead letter again by a click, and it arrives", () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        yield* deadLetter("again")
        const { page } = yield* (yield* Browser).open(daemon)
        yield* shows(page, ".attention li", "could not be delivered")
        yield* shows(page, ".fact", /Needs you.*1 thing/)
        yield* click(page, /^Send it again/)
        yield* eventually(
          "the letter at the relay",
          relay.ledger,
          (entries) => entries.some(({ arguments: { text } }) => text === "again")
        )
        yield* shows(page, ".fact", /Needs you.*Nothing/)
        assert.include(yield* daemon.stderr, "by hand, in the dashboard")
      }))

    it.effect("shows a letter whole when asked, and discards it once that is confirmed, with a line in the log", () =>
      Effect.gen(function*() {
        const { daemon } = yield* Rig
        yield* deadLetter("unwanted")
        const { page } = yield* (yield* Browser).open(daemon)
        yield* click(page, /^Show/)
        yield* shows(page, ".state.dead", "dead")
        assert.notInclude(yield* Effect.promise(() => page.content()), "unwanted")
        yield* Effect.promise(() => page.locator("#letters .scroll button.link").first().click())
        yield* Effect.promise(() => page.getByText("What is sent").click())
        yield* shows(page, "dialog pre", "unwanted")
        yield* click(page, /^Discard …/)
        yield* click(page, "Keep it")
        yield* click(page, /^Discard …/)
        yield* click(page, "Discard it")
        yield* shows(page, ".said", "is discarded")
        yield* shows(page, ".fact", /Needs you.*Nothing/)
        yield* eventually(
          "a line in the log",
          daemon.stderr,
          (log) => log.split("by hand, in the dashboard").length > 2
        )
      }))

    it.effect("shows a context that moves, and the menu that follows it", () =>
      Effect.gen(function*() {
        const { daemon } = yield* Rig
        const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
        yield* client.toolNames
        const { page } = yield* (yield* Browser).open(daemon)
        yield* shows(page, ".agent", /in the shared checkout.*7 tools hidden, need isolatedWorktree/)
        yield* daemon.admin("/api/context", { agent: "default", event: "Attach", path: "/work", branch: "feature" })
        yield* shows(page, ".agent", /in a worktree, Active/)
        yield* Effect.promise(() => page.getByText("tools hidden").waitFor({ state: "detached" }))
        yield* click(page, "Send to context")
        yield* shows(page, ".agent", /in the shared checkout.*7 tools hidden/)
      }))

    it.effect("goes on by itself after a restart of the daemon, still signed in", () =>
      Effect.gen(function*() {
        const { daemon } = yield* Rig
        const { page } = yield* (yield* Browser).open(daemon)
        yield* daemon.kill
        yield* shows(page, ".connection", "Holdfast does not answer")
        yield* daemon.restart()
        yield* shows(page, ".connection", "This page is live")
        const pid = yield* daemon.pid
        yield* shows(page, "main", `Process ${pid}`)
      }))

    it.effect.each(
      (["light", "dark"] as const).flatMap((colorScheme) =>
        [{ width: 1280, height: 900 }, { width: 390, height: 844 }].map((viewport) => ({ colorScheme, viewport }))
      )
    )(
      "has nothing that axe objects to, $colorScheme at $viewport.width",
      ({ colorScheme, viewport }) =>
        Effect.gen(function*() {
          const { daemon, relay } = yield* Rig
          const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
          yield* relay.kill
          assertQueued(yield* send(client, "to look at"))
          const { page } = yield* (yield* Browser).open(daemon, { colorScheme, viewport, bypassCSP: true })
          yield* shows(page, "#letters .state", "waiting")
          assert.deepStrictEqual(yield* violations(page), [])
          yield* Effect.promise(() => page.locator("#letters .scroll button.link").first().click())
          yield* shows(page, "dialog", "What is sent")
          assert.deepStrictEqual(yield* violations(page), [])
          const wide = yield* inPage<number>(page, "document.documentElement.scrollWidth - innerWidth")
          assert.isAtMost(wide, 0, "the page is wider than its window")
          yield* relay.restart()
        })
    )

    it.effect("is worked by the keyboard alone", () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        yield* relay.kill
        const { page } = yield* (yield* Browser).open(daemon)
        yield* shows(page, ".attention li", "The relay is away")
        const focused = inPage<string>(page, "document.activeElement?.textContent ?? ''")
        const seen: Array<string> = []
        for (let tabs = 0; tabs < 12 && !seen.includes("Try now"); tabs++) {
          yield* Effect.promise(() => page.keyboard.press("Tab"))
          seen.push(yield* focused)
        }
        assert.strictEqual(seen[0], "Skip to what is going on")
        assert.include(seen, "Try now")
        yield* Effect.promise(() => page.keyboard.press("Enter"))
        yield* shows(page, ".said", "The relay")
        yield* relay.restart()
        yield* shows(page, "#verdict", "The relay is up")
      }))

    it.effect("stays quick with 10,000 letters and 1,000 sessions: only what is in sight is in the document", () =>
      Effect.gen(function*() {
        const { daemon } = yield* Rig
        const opened = yield* (yield* Browser).blank()
        const { page } = opened
        yield* fullOf(page)
        const link = yield* linkOf(daemon)
        yield* Effect.promise(() => page.goto(link))
        yield* shows(page, "#letters .scroll", "tool-1")
        yield* inPage(page, scrollToEnd)
        yield* shows(page, "#letters .scroll", "tool-10000")
        const rows = yield* Effect.promise(() => page.locator("tbody tr").count())
        assert.isBelow(rows, 120)
        assert.deepStrictEqual(opened.errors, [])
      }))

    it.effect("lets the browser say when how things are was painted, as the bench reads it", () =>
      Effect.gen(function*() {
        const { daemon } = yield* Rig
        const { page } = yield* (yield* Browser).open(daemon)
        assert.isAbove(yield* inPage<number>(page, verdictMillis), 0)
      }))

    it.effect("gives a page of another port nothing: not by asking, not by a frame, not with the cookie that it gets", () =>
      Effect.gen(function*() {
        const { daemon } = yield* Rig
        const { page } = yield* (yield* Browser).open(daemon)
        const cookies: Array<string> = []
        const port = yield* listening((request, response) => {
          cookies.push(request.headers.cookie ?? "")
          response.setHeader("content-type", "text/html")
          response.end("<!doctype html><title>neighbour</title>")
        })
        const origin = new URL(daemon.url).origin
        yield* Effect.promise(() => page.goto(`http://127.0.0.1:${port}/api/thief`))
        const got = yield* inPage<unknown>(page, thief(origin))
        assert.deepStrictEqual(got, { status: "blocked", blind: "opaque 0 ", frame: "closed" })
        const [cookie = ""] = cookies.filter((one) => one.includes("holdfast-"))
        assert.match(cookie, /^holdfast-\d+=/)
        const replayed = yield* browserRequest(daemon.port, { path: "/api/status", headers: { cookie } })
        assert.strictEqual(replayed.status, 401)
      }))
  })
})

/** What a page of another origin gets of this one. */
const thief = (origin: string): string =>
  `(async (origin) => {
  const asked = (path, init) =>
    fetch(origin + path, { credentials: "include", ...init }).then(
      async (answer) => answer.type + " " + answer.status + " " + await answer.text(),
      () => "blocked"
    )
  const frame = document.createElement("iframe")
  frame.src = origin + "/"
  const loaded = new Promise((resolve) => frame.addEventListener("load", resolve))
  document.body.append(frame)
  await loaded
  const inside = () => {
    try {
      return frame.contentDocument?.title ?? "closed"
    } catch {
      return "closed"
    }
  }
  return {
    status: await asked("/api/status", {}),
    blind: await asked("/api/outbox/discard", { method: "POST", mode: "no-cors", body: '{"all":true}' }),
    frame: inside()
  }
})("${origin}")`
