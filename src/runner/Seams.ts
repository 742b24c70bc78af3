/** What an embedding program may put in the place of our own parts (BEHAVIOUR 12). */
import type { Layer } from "effect"
import type { SqlClient } from "effect/sql"
import type { RelayTarget, Settings } from "../config/Settings.ts"
import * as SqliteStore from "../outbox/store/SqliteStore.ts"
import type { RelayTransport } from "../relay/transport/RelayTransport.ts"
import { layer as transportFor } from "../relay/transportFor.ts"
import * as Database from "../storage/Database.ts"
import type { DataDirectory } from "../storage/DataDirectory.ts"
import type { Deadlines } from "../supervision/Deadlines.ts"
import type { Supervisor } from "../supervision/Supervisor.ts"
import { LiveToken } from "../token/LiveToken.ts"
import type { TokenSettingsInvalid } from "../token/sources/ChosenSource.ts"

export interface Seams {
  /** One attempt at the relay. */
  readonly transport: Layer.Layer<RelayTransport, never, RelayTarget | Settings | SqlClient.SqlClient | Deadlines>
  /** Where the relay's token comes from. */
  readonly token: Layer.Layer<LiveToken, TokenSettingsInvalid, RelayTarget | Supervisor | DataDirectory>
  /** What the outbox, sessions and cached lists are stored in: SQLite, migrated. */
  readonly database: typeof Database.layer
  /** Where the outbox keeps its entries, one for each relay: in the database. */
  readonly outboxStore: typeof SqliteStore.layer
}

export const ownSeams: Seams = {
  transport: transportFor,
  token: LiveToken.layer,
  database: Database.layer,
  outboxStore: SqliteStore.layer
}
