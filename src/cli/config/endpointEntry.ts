/** Where agents reach the endpoint: as the running daemon says, else as it is configured. */
import { Effect, Option } from "effect"
import { join } from "node:path"
import { otherVariables } from "../../config/Environment.ts"
import { dataDirectory, settings } from "../configuration.ts"
import { readEndpoint } from "../DaemonClient.ts"
import { UsageError } from "../Failures.ts"
import type { ClientEntry } from "./ClientEntry.ts"

export const entryAt = (url: string, dataDir: string): ClientEntry => ({
  url,
  secretFile: process.env[otherVariables.agentSecret] ? undefined : join(dataDir, "agent-secret")
})

export const endpointEntry = Effect.gen(function*() {
  const { listen } = yield* settings
  const directory = yield* dataDirectory
  const running = yield* readEndpoint(directory)
  if (Option.isSome(running)) return entryAt(running.value.url, directory)
  if (listen.port === 0) {
    return yield* new UsageError({
      message: "the port is not known before the first start: start the daemon, then ask again"
    })
  }
  return entryAt(`http://${listen.host}:${listen.port}/mcp`, directory)
})
