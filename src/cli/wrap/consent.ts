/**
 * What `wrap` asks before anything changes. A file that a checkout brought could send any variable of the user's anywhere,
 * so each server, its host and what it will be sent are shown first, and somebody agrees.
 */
import { Console, Effect, Option } from "effect"
import { Flag, Prompt, TerminalCapabilities } from "effect/cli"
import { type RemoteServer, variablesOf } from "../../clients/RemoteServers.ts"
import { relayTargets, type SettingsValues } from "../../config/Settings.ts"
import * as TemplateText from "../../config/TemplateText.ts"
import { CommandFailed } from "../Failures.ts"

export const consentFlags = {
  yes: Flag.Boolean("yes").pipe(
    Flag.withDescription("Agree without being asked; sends no variable to a host that does not get it already"),
    Flag.withDefault(false)
  ),
  host: Flag.String("host").pipe(
    Flag.withDescription("With --yes: hosts that the variables may be sent to, comma-separated"),
    Flag.withMetavar("HOSTS"),
    Flag.optional
  )
}

export interface Consent {
  readonly yes: boolean
  readonly host: Option.Option<string>
}

/** One server a line: its name is text of the file's, so it is quoted. */
const line = (server: RemoteServer): string => {
  const names = variablesOf(server)
  const sent = names.length === 0 ? "is sent no variable" : `is sent ${names.join(", ")}`
  return `  ${JSON.stringify(server.name)} at ${new URL(server.url).origin} ${sent}`
}

/** Whether a relay at the same origin takes a value from the variable already. */
const isKnown = (settings: SettingsValues, origin: string, variable: string): boolean =>
  relayTargets(settings).some(({ headers, token, url }) =>
    url.origin === origin && TemplateText.variablesOf([headers, token]).includes(variable)
  )

/** What would be sent where nobody has agreed to send it. */
const unknownIn = (servers: ReadonlyArray<RemoteServer>, settings: SettingsValues, hosts: ReadonlySet<string>) =>
  servers.flatMap((server) => {
    const { host, origin } = new URL(server.url)
    if (hosts.has(host)) return []
    return variablesOf(server).filter((name) => !isKnown(settings, origin, name)).map((name) => ({ name, host }))
  })

/** Fails where nobody agrees. */
export const consent = Effect.fn("consent")(
  function*(file: string, servers: ReadonlyArray<RemoteServer>, settings: SettingsValues, { host, yes }: Consent) {
    yield* Console.log([`${file} has these servers:`, ...servers.map(line)].join("\n"))
    const refused = (why: string) => new CommandFailed({ message: `${why}; nothing was changed` })
    if (yes) {
      const hosts = Option.match(host, { onNone: () => [], onSome: (text) => text.split(",").map((one) => one.trim()) })
      const [first] = unknownIn(servers, settings, new Set(hosts))
      if (first === undefined) return
      return yield* refused(
        `--yes sends no variable to a host that is new, and ${first.host} would be sent ${first.name}: `
          + `name it with --host ${first.host}, or answer in a terminal`
      )
    }
    const { canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
    if (!canPrompt) return yield* refused("nobody is here to be asked: look at the list, then agree with --yes")
    const agreed = yield* Prompt.run(
      Prompt.Confirm({ message: "Put them behind Holdfast, which then sends them these variables?" })
    ).pipe(Effect.orElseSucceed(() => false))
    if (!agreed) return yield* refused("you did not agree")
  }
)
