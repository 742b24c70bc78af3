/**
 * What is counted and measured (BEHAVIOUR 11).
 *
 * Names are Prometheus's, prefixed `holdfast_`; where the OpenTelemetry conventions for MCP name a metric, it has that
 * name. Labels are names that are configured or defined by a protocol, never what an agent or a relay made up.
 */
import { Clock, Context, Effect, Metric, type Scope } from "effect"

const counter = (name: string, description: string) =>
  Metric.counter(`holdfast_${name}_total`, { description, incremental: true })

const gauge = (name: string, description: string) => Metric.gauge(`holdfast_${name}`, { description })

/**
 * Seconds from an agent's request to its answer, by `mcp.method.name`, `relay` and `outcome`.
 * OpenTelemetry semantic conventions for MCP, `mcp.server.operation.duration`, with its boundaries.
 */
export const operationDuration = Metric.histogram("mcp.server.operation.duration", {
  description: "Seconds from an agent's request to its answer",
  boundaries: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300],
  attributes: { unit: "s" }
})

/** By `relay` and `outcome`: `answered`, `queued`, `kept` (a last-known list), `error`. */
export const calls = counter("calls", "Requests of agents by how they ended")

/** By `relay`: 1 is Up, 0 is Down. */
export const linkUp = gauge("link_up", "Whether the relay can be reached")
export const linkOutages = counter("link_outages", "How often the link to the relay went down")

/** By `relay` and `state`. */
export const outboxEntries = gauge("outbox_entries", "Entries of the outbox by state")
export const outboxBytes = gauge("outbox_bytes", "Bytes that the outbox's bound counts")
export const outboxOldestAge = gauge("outbox_oldest_age_seconds", "Age of the oldest entry that waits")
export const outboxDeliveries = counter("outbox_deliveries", "Entries that the relay answered with a result")
export const outboxDeadLetters = counter("outbox_dead_letters", "Entries that became dead letters")

/** By `relay`, `agent` and `outcome`: `changed`, `unchanged`, `failed`, `rejected`. */
export const tokenRefreshes = counter("token_refreshes", "How often a token source was asked")
export const tokenTimeToExpiry = gauge("token_time_to_expiry_seconds", "Seconds until the token in force ends")

export const listChanged = counter("list_changed", "notifications/tools/list_changed sent to agents")
export const sessions = gauge("sessions", "Sessions of agents on disk")
export const streams = gauge("streams", "Streams to agents that are open")

/** By `fiber`. */
export const fiberRestarts = counter("fiber_restarts", "Restarts of supervised fibers")

/** By `quantile`: 0.5, 0.99, 1 of the last 10 s. */
export const eventLoopDelay = gauge("event_loop_delay_seconds", "By how much timers fire late")

/**
 * A gauge that is read at each scrape instead of being pushed, for as long as the scope is open.
 * `read` is given the time in milliseconds since the epoch.
 */
export const observed = Effect.fnUntraced(function*(
  metric: Metric.Gauge<number>,
  attributes: Readonly<Record<string, string>>,
  read: (now: number) => number
): Effect.fn.Return<void, never, Scope.Scope> {
  const context = yield* Effect.context<never>()
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      Metric.registerUnsafe(Metric.withAttributes(metric, attributes), context, {
        get: (reader) => ({ value: read(Context.get(reader, Clock.Clock).currentTimeMillisUnsafe()) }),
        update: () => {},
        modify: () => {}
      })
    ),
    (registration) => Effect.sync(registration.remove)
  )
})
