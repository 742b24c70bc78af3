/** Whether a daemon runs on the data directory, and whether its endpoint answers. */
import { Clock, DateTime, Effect, Option, Result, Schema } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import type { StatusView } from "../../admin/StatusView.ts"
import { otherVariables } from "../../config/Environment.ts"
import { version } from "../../domain/Version.ts"
import { DataDirectory } from "../../storage/DataDirectory.ts"
import { provenDaemon } from "../../storage/ProvenDaemon.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { type CommandFailed, type NoDaemon, portTaken } from "../Failures.ts"
import { formatAge } from "../print.ts"
import { type Check, ok, problem } from "./Check.ts"

const name = "daemon"
const startOne = "start one with \"holdfast serve --relay URL\" or \"holdfast serve --embedded\""

/** What it says of itself, which the other checks stand on. */
export const askDaemon = Effect.gen(function*() {
  const { ask } = yield* DaemonClient
  return yield* Effect.result(ask((client) => client.status()))
})

/** Whether one runs on the data directory, and answers. */
export const daemon = Effect.fnUntraced(function*(
  dataDir: string,
  asked: Result.Result<StatusView, NoDaemon | CommandFailed>
): Effect.fn.Return<Check> {
  const proven = yield* Effect.result(provenDaemon(dataDir))
  if (Result.isFailure(proven)) {
    const { found, reason } = proven.failure
    switch (reason) {
      case "none announced":
        return problem(name, `none runs on ${dataDir}`, startOne)
      case "silent":
        return problem(name, found, "see its log; stop it and start it again")
      case "port taken":
        return problem(name, found, portTaken)
      default:
        return problem(name, found, startOne)
    }
  }
  const { pid, url } = proven.success
  if (Result.isFailure(asked)) {
    return asked.failure._tag === "NoDaemon"
      ? problem(name, `process ${pid} lives, but nobody listens at ${url}`, "see its log; stop it and start it again")
      : problem(name, asked.failure.message, "do what it says; else see its log, stop it and start it again")
  }
  const { daemon, fibers } = asked.success
  const failing = fibers.find(({ state }) => state === "restarting")
  if (failing !== undefined) {
    const { lastFailure, name: fiber, restarts } = failing
    const cause = lastFailure?.cause.split("\n")[0] ?? "unknown"
    return problem(
      name,
      `its fiber "${fiber}" fails, ${restarts} restarts: ${cause}`,
      "see its log: it holds the whole"
    )
  }
  if (daemon.version !== version) {
    return problem(
      name,
      `it is version ${daemon.version}, this command ${version}`,
      "\"holdfast restart\" starts this version in its place"
    )
  }
  const now = DateTime.makeUnsafe(Math.floor(yield* Clock.currentTimeMillis))
  return ok(name, `holdfast ${daemon.version} at ${daemon.url}, process ${pid}, up ${formatAge(now, daemon.startedAt)}`)
})

const endpointName = "endpoint"
const timeout = "5 seconds"

const Ready = Schema.fromJsonString(Schema.Struct({ ready: Schema.Boolean, degraded: Schema.Array(Schema.String) }))

/** Whether it takes the default agent's secret, and says that it is ready. */
export const endpoint = Effect.fnUntraced(function*(url: string): Effect.fn.Return<
  Check,
  never,
  HttpClient.HttpClient | DataDirectory
> {
  const http = yield* HttpClient.HttpClient
  const directory = yield* DataDirectory
  const inFile = yield* Effect.option(Effect.flatMap(directory.readSecretFile("agent-secret"), Effect.fromOption))
  const given = Option.fromUndefinedOr(process.env[otherVariables.agentSecret] || undefined)
  const secret = Option.orElse(given, () => inFile)
  if (Option.isNone(secret)) {
    return problem(
      endpointName,
      `${directory.file("agent-secret")} holds no secret`,
      "restart the daemon: it mints another"
    )
  }
  // Without a session this changes nothing, and without the secret it would be a 401.
  const asked = HttpClientRequest.post(url).pipe(
    HttpClientRequest.bearerToken(secret.value),
    HttpClientRequest.setHeader("accept", "application/json, text/event-stream"),
    HttpClientRequest.bodyText("{}", "application/json")
  )
  const answers = yield* Effect.all([http.execute(asked), http.get(new URL("/readyz", url))]).pipe(
    Effect.flatMap(([{ status }, ready]) => Effect.map(ready.text, (text) => ({ status, text }))),
    Effect.timeout(timeout),
    Effect.result
  )
  if (Result.isFailure(answers)) {
    return problem(endpointName, `${url} does not answer`, "see the daemon's log; stop it and start it again")
  }
  const { status, text } = answers.success
  if (status === 401 && Option.isSome(given)) {
    return problem(
      endpointName,
      `${url} refuses the secret in ${otherVariables.agentSecret}`,
      "unset it, or give it the daemon's"
    )
  }
  if (status === 401) {
    return problem(
      endpointName,
      `${url} refuses the secret in agent-secret`,
      "restart the daemon: it reads it at its start"
    )
  }
  const ready = Schema.decodeOption(Ready)(text)
  if (!Option.exists(ready, ({ ready }) => ready)) {
    return problem(
      endpointName,
      `${url} is not ready: it is starting, or being stopped`,
      "wait; start the daemon again if it ends"
    )
  }
  const degraded = Option.match(ready, { onNone: () => [], onSome: ({ degraded }) => degraded })
  return ok(
    endpointName,
    `${url} takes the agent's secret; ready${degraded.length > 0 ? `, without: ${degraded.join("; ")}` : ""}`
  )
})
