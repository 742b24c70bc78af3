/**
 * The metric families (BEHAVIOUR 11); docs/operations.md lists them with their units and labels.
 *
 * Names are Prometheus names with the unit as suffix. A metric that the OpenTelemetry conventions for MCP define has its
 * name there, as Prometheus writes it. A label's values are configured or defined by a protocol; none comes from an
 * agent or a relay.
 */
import { Clock, Context, Effect, Metric, type Scope } from "effect"

/** What `/metrics` says of a family before it has a series. */
export interface Family {
  readonly name: string
  readonly type: "counter" | "gauge" | "histogram"
  readonly description: string
}

const defined: Array<Family> = []
export const families: ReadonlyArray<Family> = defined

const counter = (name: string, description: string) => {
  defined.push({ name, type: "counter", description })
  return Metric.counter(name, { description, incremental: true })
}

const gauge = (name: string, description: string) => {
  defined.push({ name, type: "gauge", description })
  return Metric.gauge(name, { description })
}

const histogram = (name: string, description: string, boundaries: ReadonlyArray<number>) => {
  defined.push({ name, type: "histogram", description })
  return Metric.histogram(name, { description, boundaries })
}

/**
 * By `mcp_method_name`, `relay` and `outcome`: OpenTelemetry's `mcp.server.operation.duration`. Its boundaries, and four
 * below them, since a call on one machine takes about a millisecond.
 */
export const operationDuration = histogram(
  "mcp_server_operation_duration_seconds",
  "Seconds from an agent's request to its answer",
  [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]
)

/** By `relay`: OpenTelemetry's `mcp.server.session.duration`. A session may last for weeks. */
export const sessionDuration = histogram(
  "mcp_server_session_duration_seconds",
  "Seconds from a session's beginning to its end",
  [1, 10, 60, 300, 1800, 3600, 14_400, 43_200, 86_400, 604_800, 2_592_000]
)

/** By `relay` and `outcome`: `answered`, `queued`, `cached` (from the last known answer), `error`, `cancelled`. */
export const calls = counter("holdfast_calls_total", "Requests of agents by how they ended")

/** By `relay`: 1 is Up, 0 is Down. */
export const linkUp = gauge("holdfast_link_up", "Whether the relay can be reached")
export const linkOutages = counter("holdfast_link_outages_total", "How often the link to the relay went down")

/** By `relay` and `state`. */
export const outboxEntries = gauge("holdfast_outbox_entries", "Entries of the outbox by state")
export const outboxBytes = gauge("holdfast_outbox_bytes", "Bytes that outbox.maxBytes counts")
export const outboxOldestAge = gauge("holdfast_outbox_oldest_age_seconds", "Age of the oldest entry that waits")
export const outboxDeliveries = counter("holdfast_outbox_deliveries_total", "Entries that the relay accepted")
export const outboxDeadLetters = counter("holdfast_outbox_dead_letters_total", "Entries that became dead letters")

/** By `relay`, `agent` and `outcome`: `changed`, `unchanged`, `failed`, `rejected`. */
export const tokenRefreshes = counter("holdfast_token_refreshes_total", "How often a token source was asked")
export const tokenTimeToExpiry = gauge("holdfast_token_time_to_expiry_seconds", "Seconds until the present token ends")

export const listChanged = counter("holdfast_list_changed_total", "notifications/tools/list_changed sent to agents")
/** By `relay`: of its newest list. */
export const toolsHeld = gauge("holdfast_tools_held", "Tools that are held back until somebody approves them")
/** By `relay`. */
export const sessions = gauge("holdfast_sessions", "Sessions of agents on disk")
export const streams = gauge("holdfast_streams", "Open streams to agents")

/** By `fiber`. */
export const fiberRestarts = counter("holdfast_fiber_restarts_total", "Restarts of supervised fibers")

/** By `quantile`: 0.5, 0.99, 1 of the last 10 s. */
export const eventLoopDelay = gauge("holdfast_event_loop_delay_seconds", "How late the event loop's timers fire")

/** By `version` and `node`; always 1. */
export const buildInfo = gauge("holdfast_build_info", "Holdfast's version, and that of Node")

/** These four have the names that Prometheus client libraries agree on. */
export const processCpu = counter("process_cpu_seconds_total", "CPU time of the process, user and system")
export const processMemory = gauge("process_resident_memory_bytes", "Resident memory of the process")
export const processOpenFds = gauge("process_open_fds", "Open file descriptors of the process")
export const processStart = gauge("process_start_time_seconds", "Start of the process, in seconds since the epoch")

type Labels = Readonly<Record<string, string>>

/** Makes the series of these labels, at zero, so that a first event is seen as an increase. */
export const declare = <Input, State>(metric: Metric.Metric<Input, State>, ...series: ReadonlyArray<Labels>) =>
  Effect.forEach(series, (labels) => Metric.value(Metric.withAttributes(metric, labels)), { discard: true })

const registered = Effect.fnUntraced(function*<State>(
  metric: Metric.Metric<number, State>,
  labels: Labels,
  read: (now: number) => State
): Effect.fn.Return<void, never, Scope.Scope> {
  const context = yield* Effect.context<never>()
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      Metric.registerUnsafe(Metric.withAttributes(metric, labels), context, {
        get: (reader) => read(Context.get(reader, Clock.Clock).currentTimeMillisUnsafe()),
        update: () => {},
        modify: () => {}
      })
    ),
    (registration) => Effect.sync(registration.remove)
  )
})

/** Reads the gauge at each scrape while the scope is open. `read` gets the time in milliseconds since the epoch. */
export const observed = (metric: Metric.Gauge<number>, labels: Labels, read: (now: number) => number) =>
  registered(metric, labels, (now) => ({ value: read(now) }))

/** Reads the counter at each scrape while the scope is open. */
export const observedTotal = (metric: Metric.Counter<number>, labels: Labels, read: () => number) =>
  registered(metric, labels, () => ({ count: read(), incremental: true }))

/** What runs before each scrape. */
export const Samplers = Context.Reference<Set<Effect.Effect<void>>>("holdfast/observability/Samplers", {
  defaultValue: () => new Set()
})

/** As `observed`, for a value that an effect reads. */
export const sampled = Effect.fnUntraced(function*(
  metric: Metric.Gauge<number>,
  labels: Labels,
  read: Effect.Effect<number>
): Effect.fn.Return<void, never, Scope.Scope> {
  const samplers = yield* Samplers
  let last = 0
  const sampler = Effect.map(read, (value) => {
    last = value
  })
  yield* Effect.acquireRelease(
    Effect.sync(() => samplers.add(sampler)),
    () => Effect.sync(() => samplers.delete(sampler))
  )
  yield* observed(metric, labels, () => last)
})

/** By `uplink` and `outcome`: `pushed`, or `skipped` where the control plane refuses a record for good. */
export const uplinkRecords = counter(
  "holdfast_uplink_records_total",
  "Records of the journal that went to a control plane"
)
/** By `uplink` and `flow`: `push`, `watch`, or the inbox of an agent. */
export const uplinkReady = gauge("holdfast_uplink_ready", "Whether a control plane takes records, or says messages")
