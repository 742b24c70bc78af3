/** A real browser: Debian's Chromium, headless, by playwright-core, with a profile of its own that goes with the test. */
import { Context, Effect, Layer, type Scope } from "effect"
import { existsSync } from "node:fs"
import { type Browser as Chromium, type BrowserContextOptions, chromium, type Page } from "playwright-core"
import type { Daemon } from "./Daemon.ts"

/** Where there is none, tests in a browser are skipped. */
export const program = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path))

if (program === undefined) {
  process.stderr.write("NOTICE: no Chromium here, so what a browser does is not tested: apt-get install chromium\n")
}

const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Whatever it would ask elsewhere fails.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
]

export interface Opened {
  readonly page: Page
  /** The URLs that it asked for, in order. */
  readonly asked: ReadonlyArray<string>
  /** What went wrong in the page, in its own words. */
  readonly errors: ReadonlyArray<string>
}

type Asked = Pick<Daemon, "admin">

/** The link that `holdfast open` prints. */
export const linkOf = (daemon: Asked): Effect.Effect<string> =>
  Effect.map(daemon.admin("/api/session/link", {}), ({ body }) => String(Object(body).url))

export class Browser extends Context.Service<Browser, {
  readonly chromium: Chromium
  /** An empty page of a fresh profile. */
  readonly blank: (options?: BrowserContextOptions) => Effect.Effect<Opened, never, Scope.Scope>
  /** The dashboard, signed in and live. */
  readonly open: (daemon: Asked, options?: BrowserContextOptions) => Effect.Effect<Opened, never, Scope.Scope>
}>()("holdfast/test/Browser") {
  static readonly layer = Layer.effect(
    Browser,
    Effect.gen(function*() {
      const browser = yield* Effect.acquireRelease(
        Effect.promise(() => chromium.launch({ executablePath: program ?? "", headless: true, args })),
        (browser) => Effect.promise(() => browser.close())
      )

      const blank = Effect.fnUntraced(function*(options: BrowserContextOptions = {}) {
        const context = yield* Effect.acquireRelease(
          Effect.promise(() => browser.newContext(options)),
          (context) => Effect.promise(() => context.close())
        )
        const page = yield* Effect.promise(() => context.newPage())
        const asked: Array<string> = []
        const errors: Array<string> = []
        page.on("request", (request) => asked.push(request.url()))
        page.on("pageerror", (error) => errors.push(error.message))
        return { page, asked, errors }
      })

      return Browser.of({
        chromium: browser,
        blank,
        open: Effect.fnUntraced(function*(daemon, options) {
          const opened = yield* blank(options)
          const link = yield* linkOf(daemon)
          yield* Effect.promise(() => opened.page.goto(link))
          yield* Effect.promise(() => opened.page.locator("#verdict").waitFor())
          return opened
        })
      })
    })
  )
}
