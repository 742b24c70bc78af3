/** A gateway that does what a test scripts, and remembers what it was asked. */
import { Effect, Layer } from "effect"
import { Agents } from "../../src/agents/Agents.ts"
import { Settings, settingsFrom, type SettingsSchema } from "../../src/config/Settings.ts"
import { AgentName } from "../../src/domain/Ids.ts"
import type { AgentPost, Gateway } from "../../src/mcp/Gateway.ts"
import { Endpoint } from "../../src/mcp/http/Endpoint.ts"
import { ExtraRoutes } from "../../src/mcp/http/ExtraRoutes.ts"
import { RememberedPort } from "../../src/mcp/http/Listener.ts"
import { Readiness, type ReadinessState } from "../../src/mcp/http/OperatorRoutes.ts"
import { RelayRegistry } from "../../src/mcp/RelayRegistry.ts"
import { EventLogs } from "../../src/mcp/streams/EventLogs.ts"
import { OpenStreams } from "../../src/mcp/streams/OpenStreams.ts"
import { Deadlines } from "../../src/supervision/Deadlines.ts"
import { Supervisor } from "../../src/supervision/Supervisor.ts"
import { scriptedRelay } from "./scriptedRelay.ts"

type Service = Gateway["Service"]

export const secret = "the-secret"

const agents = Layer.mock(Agents, {
  authenticate: (given) => given === secret ? { agent: AgentName.make("alice"), isValid: () => true } : undefined
})

/** Answers requests with their method, and accepts everything else. */
export const echo: Service = {
  post: ({ message }, connection) =>
    message._tag === "Request"
      ? connection.reply(200, answerTo(message.id, message.method))
      : connection.replyEmpty(202),
  openStream: (_, connection) => connection.reply(404, "{}"),
  end: (_, session) => Effect.succeed(session === "known")
}

export const answerTo = (id: string, result: string) => `{"jsonrpc":"2.0","id":${id},"result":{"is":"${result}"}}`

const relays = (gateway: Service) =>
  Layer.effect(
    RelayRegistry,
    Effect.map(scriptedRelay({ gateway }), (relay) =>
      RelayRegistry.of({
        list: Effect.succeed([relay]),
        find: (name) => name === "default" || name === "other" ? relay : undefined,
        reload: Effect.die("nothing is reloaded here")
      }))
  )

/** An endpoint on a free port, over `script` and what `echo` does for the rest. */
export const endpoint = (
  script: Partial<Service> = {},
  settings: typeof SettingsSchema.Encoded = {},
  remembered: Layer.Layer<RememberedPort> = RememberedPort.layerMemory,
  readiness: ReadinessState = { ready: true, degraded: [] }
) =>
  Endpoint.layerNoDeps.pipe(
    Layer.provideMerge(Layer.mergeAll(
      ExtraRoutes.layer,
      EventLogs.layer,
      agents,
      remembered,
      Layer.mock(Readiness, { state: Effect.succeed(readiness), stopping: Effect.void }),
      relays({ ...echo, ...script })
    )),
    Layer.provideMerge(OpenStreams.layer),
    Layer.provideMerge(Layer.provideMerge(Deadlines.layer, Supervisor.layer)),
    Layer.provideMerge(Layer.succeed(Settings, settingsFrom({ ...settings, listen: { port: 0, ...settings.listen } })))
  )

/** Remembers the posts that it was given. */
export const recording = () => {
  const posts: Array<AgentPost> = []
  const post: Service["post"] = (given, connection) => {
    posts.push(given)
    echo.post(given, connection)
  }
  return { posts, post }
}
