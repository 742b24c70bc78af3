import { Clock, DateTime, Effect, type FileSystem, Option, type Path, Result } from "effect"
import type { StatusView } from "../../admin/StatusView.ts"
import { version } from "../../domain/Version.ts"
import { isAlive } from "../../supervision/isAlive.ts"
import { DaemonClient, readEndpoint } from "../DaemonClient.ts"
import type { CommandFailed, NoDaemon } from "../Failures.ts"
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
): Effect.fn.Return<Check, never, FileSystem.FileSystem | Path.Path> {
  const endpoint = yield* readEndpoint(dataDir)
  if (Option.isNone(endpoint)) return problem(name, `none runs on ${dataDir}`, startOne)
  const { pid, url } = endpoint.value
  if (!isAlive(pid)) {
    return problem(name, `endpoint.json names process ${pid}, which is gone: it was killed`, startOne)
  }
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
    return problem(name, `it is version ${daemon.version}, this command ${version}`, "restart it with this version")
  }
  const now = DateTime.makeUnsafe(Math.floor(yield* Clock.currentTimeMillis))
  return ok(name, `holdfast ${daemon.version} at ${daemon.url}, process ${pid}, up ${formatAge(now, daemon.startedAt)}`)
})
