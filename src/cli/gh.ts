import { Effect, Option, Redacted } from "effect"
import { Argument, Command } from "effect/cli"
import { settings } from "./configuration.ts"
import { explain } from "./credential/helper.ts"
import { DaemonClient, withDaemon } from "./DaemonClient.ts"
import { Ended } from "./Failures.ts"
import * as Foreground from "./Foreground.ts"

/** gh's own rule: github.com, github.localhost and hosts of ghe.com take GH_TOKEN, all others GH_ENTERPRISE_TOKEN. */
const variableFor = (host: string): string =>
  /^(.*\.)?(github\.com|github\.localhost|ghe\.com)$/i.test(host) ? "GH_TOKEN" : "GH_ENTERPRISE_TOKEN"

/** A fresh token beats what the environment has: a stale GH_TOKEN there broke pushes after an hour. */
const freshToken = Effect.fnUntraced(function*(host: string) {
  const daemon = yield* DaemonClient
  return yield* daemon.ask((client) => client.credential.get({ payload: { protocol: "https", host } })).pipe(
    Effect.tap(({ name }) => explain(`credential "${name}" answers for ${host}`)),
    Effect.map(({ password }) => Option.some(Redacted.make(Redacted.value(password)))),
    Effect.catch((error) => Effect.as(explain(`gh runs as it is: ${error.message}`), Option.none()))
  )
})

export const gh = Command.make(
  "gh",
  { args: Argument.String("args").pipe(Argument.withDescription("Behind --: what gh is given"), Argument.variadic()) },
  Effect.fn(function*({ args }) {
    const host = process.env["GH_HOST"] || "github.com"
    const token = yield* freshToken(host)
    const code = yield* Foreground.run(
      yield* settings,
      "gh",
      args,
      Option.match(token, { onNone: () => ({}), onSome: (value) => ({ [variableFor(host)]: Redacted.value(value) }) })
    )
    if (code !== 0) return yield* new Ended({ code })
  })
).pipe(
  Command.withDescription("Run gh with a fresh token"),
  Command.withExamples([{ command: "holdfast gh -- pr list", description: "Run gh with a fresh token" }]),
  withDaemon
)
