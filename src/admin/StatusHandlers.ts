import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Agents } from "../agents/Agents.ts"
import { Credentials } from "../credentials/Credentials.ts"
import { RelayRegistry } from "../mcp/RelayRegistry.ts"
import { Supervisor } from "../supervision/Supervisor.ts"
import { AdminApi } from "./AdminApi.ts"
import { credentialView } from "./CredentialView.ts"
import { Daemon } from "./Daemon.ts"
import { instant } from "./Instant.ts"
import { linkView } from "./LinkView.ts"
import { statsView } from "./OutboxView.ts"
import { fiberView } from "./StatusView.ts"
import { tokenView } from "./TokenView.ts"

export const layerNoDeps = HttpApiBuilder.group(
  AdminApi,
  "status",
  Effect.fn(function*(handlers) {
    const daemon = yield* Daemon
    const registry = yield* RelayRegistry
    const agents = yield* Agents
    const supervisor = yield* Supervisor
    const credentials = yield* Credentials

    return handlers.handleAll({
      status: Effect.fnUntraced(function*() {
        const names = yield* agents.list
        const relays = yield* Effect.forEach(
          yield* registry.list,
          Effect.fnUntraced(function*(relay) {
            return {
              id: relay.id,
              url: withoutCredentials(relay.url),
              link: linkView(yield* relay.link.state),
              tokens: yield* Effect.forEach(
                names,
                (agent) => Effect.map(relay.token.status(agent), (status) => tokenView(relay.id, agent, status))
              ),
              outbox: statsView(yield* relay.outbox.stats),
              sessions: yield* relay.sessions.totals
            }
          }),
          { concurrency: "unbounded" }
        )
        return {
          daemon: {
            version: daemon.version,
            pid: daemon.pid,
            startedAt: instant(daemon.startedAt),
            url: daemon.url
          },
          agents: names,
          relays,
          credentials: (yield* credentials.status).map(credentialView),
          fibers: (yield* supervisor.fibers).map(fiberView)
        }
      })
    })
  })
)

/** A URL may carry a password, or a token as a parameter: neither is shown. */
const withoutCredentials = (url: URL): string => `${url.origin}${url.pathname}`
