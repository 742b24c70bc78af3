/** Where agents reach the endpoint, as the running daemon says, else as it is configured; and the words of our commands. */
import { Effect, Option } from "effect"
import { join } from "node:path"
import type { ClientEntry } from "../../clients/ClientEntry.ts"
import { serverName, urlOf } from "../../clients/Injection.ts"
import { otherVariables } from "../../config/Environment.ts"
import { defaultRelay } from "../../domain/Ids.ts"
import { provenDaemon } from "../../storage/ProvenDaemon.ts"
import { self } from "../../supervision/ownProgram.ts"
import { dataDirectory, settings } from "../configuration.ts"
import { UsageError } from "../Failures.ts"
import { root } from "../root.ts"

interface Particulars {
  readonly relay?: string
  /** The configuration file, where a command of ours would not find it by itself. */
  readonly config?: string | undefined
  /** What starts Holdfast, where that is not this very program. */
  readonly program?: ReadonlyArray<string>
  readonly isService?: boolean
}

export const entryAt = (
  url: string,
  dataDir: string,
  { config, isService = false, program = self(), relay = defaultRelay }: Particulars = {}
): ClientEntry => ({
  name: serverName(relay),
  url: urlOf(url, relay),
  secretFile: process.env[otherVariables.agentSecret] ? undefined : join(dataDir, "agent-secret"),
  program,
  isService,
  options: [
    ...relay === defaultRelay ? [] : ["--relay", relay],
    "--data-dir",
    dataDir,
    ...config === undefined ? [] : ["--config", config]
  ]
})

export const endpointEntry = Effect.gen(function*() {
  const { listen } = yield* settings
  const directory = yield* dataDirectory
  const { config } = yield* root
  const particulars = { config: Option.getOrUndefined(config) }
  const running = yield* Effect.option(provenDaemon(directory))
  if (Option.isSome(running)) return entryAt(running.value.url, directory, particulars)
  if (listen.port === 0) {
    return yield* new UsageError({
      message: "the port is not known before the first start: start the daemon, then ask again"
    })
  }
  return entryAt(`http://${listen.host}:${listen.port}/mcp`, directory, particulars)
})
