/**
 * Takes the pictures of docs/dashboard.md anew: `node test/system/dashboard/screenshots.ts [DIRECTORY]`. A real daemon, a
 * real relay and real clients; needs Chromium.
 */
import { Effect, Layer } from "effect"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Page } from "playwright-core"
import { Browser } from "../../support/Browser.ts"
import { Clients } from "../../support/Clients.ts"
import { send } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import * as Answer from "../../support/relay/Answer.ts"
import { Rig } from "../../support/Rig.ts"

const directory = process.argv[2] ?? fileURLToPath(new URL("../../../docs/dashboard", import.meta.url))
const viewport = { width: 1160, height: 860 }

const take = (page: Page, name: string, options: { readonly fullPage?: boolean } = {}) =>
  Effect.promise(async () => {
    await page.waitForTimeout(1500)
    await page.screenshot({ path: join(directory, `${name}.png`), ...options })
  })

const shows = (page: Page, text: string | RegExp) =>
  Effect.promise(() => page.locator("#verdict").filter({ hasText: text }).waitFor())

const program = Effect.gen(function*() {
  mkdirSync(directory, { recursive: true })
  const { daemon, relay } = yield* Rig
  const browser = yield* Browser
  const { page } = yield* browser.open(daemon, { viewport })
  yield* take(page, "empty")

  const connect = (name: string) => Clients.sdk(daemon.url, { secret: daemon.secret, name })
  const [one, other] = yield* Effect.all([connect("claude-code"), connect("codex-mcp-client")])
  yield* one.toolNames
  for (let round = 0; round < 60; round++) {
    yield* (round % 3 === 0 ? other : one).call("echo", { text: `call ${round}` })
  }
  yield* relay.kill
  for (let round = 0; round < 14; round++) yield* send(round % 2 === 0 ? one : other, `message ${round}`)
  yield* Effect.sleep("25 seconds")
  yield* relay.restart()
  yield* shows(page, "The relay is up")
  for (let round = 0; round < 60; round++) {
    yield* (round % 3 === 0 ? other : one).call("echo", { text: `call ${round}` })
    yield* Effect.sleep("200 millis")
  }
  yield* take(page, "normal")

  yield* relay.kill
  yield* send(one, "to somebody who is not there")
  yield* relay.restart()
  yield* relay.control.answerNext(1, Answer.rpcError(-32602, "no agent is called somebody"), {
    tool: "relay_send_message"
  })
  yield* eventually(
    "the dead letter",
    daemon.admin("/api/outbox?state=dead"),
    ({ body }) => JSON.stringify(body).includes("somebody")
  )
  yield* relay.kill
  for (let round = 0; round < 12; round++) yield* send(round % 2 === 0 ? one : other, `message ${round}`)
  yield* Effect.sleep("15 seconds")
  yield* shows(page, "The relay is away")
  yield* take(page, "outage")

  if (process.argv[2] === undefined) return
  yield* take(page, "outage-whole", { fullPage: true })
  yield* Effect.promise(() => page.emulateMedia({ colorScheme: "dark" }))
  yield* take(page, "dark-whole", { fullPage: true })
  yield* Effect.promise(() => page.setViewportSize({ width: 390, height: 844 }))
  yield* take(page, "narrow-whole", { fullPage: true })
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Layer.merge(Rig.layer(), Browser.layer))))
