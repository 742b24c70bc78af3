/** What an embedding program may put in the place of our own parts (BEHAVIOUR 12). */
import type { Layer } from "effect"
import type { RelayTarget } from "../config/Settings.ts"
import * as SqliteStore from "../outbox/store/SqliteStore.ts"
import { RelayTransport } from "../relay/transport/RelayTransport.ts"
import * as Database from "../storage/Database.ts"
import type { DataDirectory } from "../storage/DataDirectory.ts"
import type { Supervisor } from "../supervision/Supervisor.ts"
import { LiveToken } from "../token/LiveToken.ts"
import type { TokenSettingsInvalid } from "../token/sources/ChosenSource.ts"

export interface Seams {
  /** One attempt at the relay. */
  readonly transport: typeof RelayTransport.layer
  /** Where the relay's token comes from. */
  readonly token: Layer.Layer<LiveToken, TokenSettingsInvalid, RelayTarget | Supervisor | DataDirectory>
  /** What the outbox, sessions and cached lists are stored in: SQLite, migrated. */
  readonly database: typeof Database.layer
  /** Where the outbox keeps its entries, one for each relay: in the database. */
  readonly outboxStore: typeof SqliteStore.layer
}

export const ownSeams: Seams = {
  transport: RelayTransport.layer,
  token: LiveToken.layer,
  database: Database.layer,
  outboxStore: SqliteStore.layer
}
