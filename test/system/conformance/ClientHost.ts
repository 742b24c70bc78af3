/** Where the suite's client command hands its URL in: an official client acts the scenario, direct or through Holdfast. */
import { Effect, Layer, type Scope } from "effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Holdfast } from "../../../src/index.ts"
import { onForm, runScenario, type ScenarioContext } from "./ClientScenarios.ts"
import { scenarioClients } from "./ScenarioClient.ts"

interface Asked {
  readonly url: string
  readonly scenario: string
  readonly context: ScenarioContext
}

export type ClientName = keyof typeof scenarioClients

const program = fileURLToPath(new URL("clientCommand.ts", import.meta.url))

/** A Holdfast of its own, as long as the scope is open. */
const holdfastBefore = Effect.fnUntraced(function*(relay: string) {
  const dataDir = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-client-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const services = yield* Layer.build(
    Holdfast.layer({ settings: { relay: { url: relay }, dataDir, listen: { port: 0 } } })
  )
  const { url } = yield* Effect.provideContext(Holdfast, services)
  return { url, secret: readFileSync(join(dataDir, "agent-secret"), "utf8").trim() }
})

const act = Effect.fnUntraced(function*(client: ClientName, through: boolean, { context, scenario, url }: Asked) {
  const target = through ? yield* holdfastBefore(url) : { url, secret: undefined }
  yield* Effect.tryPromise(async () => {
    const connected = await scenarioClients[client]({ ...target, onForm: onForm(scenario) })
    try {
      await runScenario(scenario, connected, context)
    } finally {
      await connected.close()
    }
  })
}, Effect.scoped)

/** The command that the suite is to start. */
export const clientCommand = (client: ClientName, through: boolean): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function*() {
    const services = yield* Effect.context<Scope.Scope>()
    const server = createServer((request, response) => {
      let body = ""
      request.setEncoding("utf8")
      request.on("data", (chunk) => body += chunk)
      request.on("end", () => {
        Effect.runPromiseWith(services)(act(client, through, JSON.parse(body))).then(
          () => response.end(),
          (error: unknown) => response.writeHead(500).end(String(error))
        )
      })
    })
    const port = yield* Effect.acquireRelease(
      Effect.callback<number>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
      }),
      () => Effect.sync(() => server.close())
    )
    return `${process.execPath} ${program} ${port}`
  })
