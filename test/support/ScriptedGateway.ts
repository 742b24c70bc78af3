/** A gateway that does what a test scripts, and remembers what it was asked. */
import { Effect, Layer, Option } from "effect"
import { Agents } from "../../src/agents/Agents.ts"
import { Settings, settingsFrom, type SettingsSchema } from "../../src/config/Settings.ts"
import { AgentName } from "../../src/domain/Ids.ts"
import { Endpoint } from "../../src/mcp/endpoint/Endpoint.ts"
import { ExtraRoutes } from "../../src/mcp/endpoint/ExtraRoutes.ts"
import { RememberedPort } from "../../src/mcp/endpoint/RememberedPort.ts"
import { type AgentPost, Gateway, Gateways } from "../../src/mcp/Gateway.ts"
import { EventLogs } from "../../src/mcp/streams/EventLogs.ts"

type Service = Gateway["Service"]

export const secret = "the-secret"

const agents = Layer.mock(Agents, {
  authenticate: (given) => Effect.succeed(given === secret ? Option.some(AgentName.make("alice")) : Option.none())
})

/** Answers requests with their method, and accepts everything else. */
export const echo: Service = {
  post: ({ message }) =>
    Effect.succeed(
      message._tag === "Request"
        ? { _tag: "Said", status: 200, headers: {}, text: answerTo(message.id, message.method) }
        : { _tag: "Accepted" }
    ),
  stream: () => Effect.succeed({ _tag: "Said", status: 404, text: "{}" }),
  closed: () => Effect.void,
  end: (_, session) => Effect.succeed(session === "known")
}

export const answerTo = (id: string, result: string) => `{"jsonrpc":"2.0","id":${id},"result":{"is":"${result}"}}`

/** An endpoint on a free port, over `script` and what `echo` does for the rest. */
export const endpoint = (
  script: Partial<Service> = {},
  settings: typeof SettingsSchema.Encoded = {},
  remembered: Layer.Layer<RememberedPort> = RememberedPort.layerMemory
) =>
  Endpoint.layerNoDeps.pipe(
    Layer.provideMerge(Layer.mergeAll(
      ExtraRoutes.layer,
      EventLogs.layer,
      agents,
      remembered,
      Layer.succeed(Gateways, {
        find: (name) =>
          Effect.succeed(name === "default" || name === "other" ? Option.some({ ...echo, ...script }) : Option.none())
      })
    )),
    Layer.provide(Layer.succeed(Settings, settingsFrom({ ...settings, listen: { port: 0, ...settings.listen } })))
  )

/** Remembers the posts that it was given. */
export const recording = () => {
  const posts: Array<AgentPost> = []
  const post: Service["post"] = (given) =>
    Effect.suspend(() => {
      posts.push(given)
      return echo.post(given)
    })
  return { posts, post }
}
