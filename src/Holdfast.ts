/** The runtime as a layer of another program (BEHAVIOUR 12). */
import { Context, Effect, Layer, Option } from "effect"
import type { AgentSecretTooShort } from "./agents/AgentSecret.ts"
import { relayTargets, Settings, settingsFrom, type SettingsSchema } from "./config/Settings.ts"
import type { Facts } from "./context/ContextState.ts"
import { WorkspaceContexts } from "./context/WorkspaceContexts.ts"
import type { RelayId } from "./domain/Ids.ts"
import { Inbox } from "./inbox/Inbox.ts"
import { Journal } from "./journal/Journal.ts"
import { Endpoint } from "./mcp/http/Endpoint.ts"
import type { CannotListen, PortTaken } from "./mcp/http/Listener.ts"
import type { CannotObserve } from "./mcp/http/ProbeListener.ts"
import { RelayRegistry } from "./mcp/RelayRegistry.ts"
import { type Hides, OwnRules } from "./menu/Narrowing.ts"
import * as Runner from "./Runner.ts"
import type { Seams } from "./runner/Seams.ts"
import type { DaemonRunning } from "./storage/DaemonLock.ts"
import type { DataDirectoryUnusable } from "./storage/DataDirectory.ts"
import type { NewerDatabase } from "./storage/Migrations.ts"
import type { DatabaseUnusable } from "./storage/StorageFault.ts"
import { type FiberEscalated, Supervisor } from "./supervision/Supervisor.ts"
import { LiveToken } from "./token/LiveToken.ts"
import type { TokenSettingsInvalid } from "./token/sources/ChosenSource.ts"
import type { TokenSource } from "./token/sources/TokenSource.ts"

export interface HoldfastOptions {
  /** As in `holdfast.json`: the relays, the port, the menu's rules. */
  readonly settings: typeof SettingsSchema.Encoded
  /** The token getter, in the place of the settings' sources. */
  readonly token?: TokenSource
  /** One attempt at the relay, in the place of undici. */
  readonly transport?: Seams["transport"]
  /** Where queue, sessions and cached lists are stored, in the place of the data directory's database. */
  readonly database?: Seams["database"]
  /** Where the outbox keeps its entries, in the place of that database. */
  readonly outboxStore?: Seams["outboxStore"]
  /** Which rule hides a tool while these facts hold, in the place of the settings' `menu.rules`. */
  readonly menu?: (facts: Facts) => Hides
}

/** Why the runtime does not start; each says what to do. */
export type HoldfastStartError =
  | AgentSecretTooShort
  | CannotListen
  | CannotObserve
  | DaemonRunning
  | DatabaseUnusable
  | DataDirectoryUnusable
  | NewerDatabase
  | PortTaken
  | TokenSettingsInvalid

export class Holdfast extends Context.Service<Holdfast, {
  /** What agents connect to. */
  readonly url: string
  /** Moves an agent's workspace context; its menus follow. */
  readonly sendContext: WorkspaceContexts["Service"]["send"]
  /** The relay's tools may have changed: sessions are refetched, and told where their own view differs. */
  readonly refreshTools: (relay: RelayId) => Effect.Effect<void>
  /** What happened behind the cursor `after`, 0 for all that is kept, and then what happens. Does not end. */
  readonly changes: Journal["Service"]["changes"]
  /** Puts a message into an agent's inbox; once under its id. */
  readonly sendToInbox: Inbox["Service"]["receive"]
  /**
   * Never succeeds; fails where a fiber of the runtime failed more than 5 times within a minute. The layer stays up, in
   * part: let the program end, or build the layer anew.
   */
  readonly escalated: Effect.Effect<never, FiberEscalated>
}>()("holdfast/Holdfast") {
  static readonly layerNoDeps = Layer.effect(
    Holdfast,
    Effect.gen(function*() {
      const { url } = yield* Endpoint
      const { send } = yield* WorkspaceContexts
      const registry = yield* RelayRegistry
      const { receive } = yield* Inbox
      const { escalated } = yield* Supervisor
      const { changes } = yield* Journal
      return Holdfast.of({
        url,
        escalated,
        changes,
        sendContext: send,
        sendToInbox: receive,
        refreshTools: (relay) =>
          Effect.suspend(() =>
            registry.find(relay)?.refreshTools ?? Effect.die(new Error(`no relay is called "${relay}"`))
          )
      })
    })
  )

  /** The runtime, listening, for as long as the layer lives. Start errors say what to do. */
  static readonly layer = (options: HoldfastOptions): Layer.Layer<Holdfast, HoldfastStartError> => runtime(options)
}

/** With the services that it is made of, for our own tests. */
export const runtime = (options: HoldfastOptions) => {
  const settings = settingsFrom(options.settings)
  const { database, outboxStore, token, transport } = options
  const seams: Partial<Seams> = {
    ...transport && { transport },
    ...database && { database },
    ...outboxStore && { outboxStore },
    ...token && { token: LiveToken.layerOf({ _tag: "Shared", source: token }) }
  }
  return Holdfast.layerNoDeps.pipe(
    Layer.provideMerge(Runner.layer({ relays: relayTargets(settings), seams })),
    Layer.provide(Layer.succeed(OwnRules, Option.fromUndefinedOr(options.menu))),
    Layer.provideMerge(Layer.succeed(Settings, settings))
  )
}
