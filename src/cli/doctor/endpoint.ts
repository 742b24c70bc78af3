import { Effect, Option, Result, Schema } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { otherVariables } from "../../config/Environment.ts"
import { DataDirectory } from "../../storage/DataDirectory.ts"
import { type Check, ok, problem } from "./Check.ts"

const name = "endpoint"
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
    return problem(name, `${directory.file("agent-secret")} holds no secret`, "restart the daemon: it mints another")
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
    return problem(name, `${url} does not answer`, "see the daemon's log; stop it and start it again")
  }
  const { status, text } = answers.success
  if (status === 401 && Option.isSome(given)) {
    return problem(
      name,
      `${url} refuses the secret in ${otherVariables.agentSecret}`,
      "unset it, or give it the daemon's"
    )
  }
  if (status === 401) {
    return problem(name, `${url} refuses the secret in agent-secret`, "restart the daemon: it reads it at its start")
  }
  const ready = Schema.decodeOption(Ready)(text)
  if (!Option.exists(ready, ({ ready }) => ready)) {
    return problem(
      name,
      `${url} is not ready: it is starting, or being stopped`,
      "wait; start the daemon again if it ends"
    )
  }
  const degraded = Option.match(ready, { onNone: () => [], onSome: ({ degraded }) => degraded })
  return ok(
    name,
    `${url} takes the agent's secret; ready${degraded.length > 0 ? `, without: ${degraded.join("; ")}` : ""}`
  )
})
