/** The outbox over a fake relay and a real file. */
import { Effect, Layer } from "effect"
import { RelayTarget, Settings, settingsFrom, type SettingsSchema } from "../../../src/config/Settings.ts"
import { defaultRelay } from "../../../src/domain/Ids.ts"
import { Outbox } from "../../../src/outbox/Outbox.ts"
import * as Migrations from "../../../src/storage/Migrations.ts"
import * as SqliteClient from "../../../src/storage/SqliteClient.ts"
import { Deadlines } from "../../../src/supervision/Deadlines.ts"
import { Supervisor } from "../../../src/supervision/Supervisor.ts"
import { temporaryDirectory } from "../temporaryDirectory.ts"
import { countedTurns } from "./advance.ts"
import { FakeRelay } from "./FakeRelay.ts"

export type OutboxSettings = NonNullable<(typeof SettingsSchema.Encoded)["outbox"]>

export const databaseAt = (filename: string) =>
  Migrations.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename })))

const target = (url: string) => Layer.succeed(RelayTarget, { id: defaultRelay, url: new URL(url), token: {} })

/** What the outbox stands on, but for the database and the relay. */
export const ground = (outbox: OutboxSettings = {}, url = "http://relay.test/mcp") =>
  Layer.mergeAll(
    Layer.succeed(Settings, settingsFrom({ outbox })),
    Layer.provideMerge(Deadlines.layer, Supervisor.layer),
    target(url)
  )

/** Over a file that another outbox may have left behind; the relay is the caller's. */
export const outboxAt = (filename: string, outbox: OutboxSettings = {}, url?: string) =>
  Outbox.layer.pipe(Layer.provideMerge(databaseAt(filename)), Layer.provideMerge(ground(outbox, url)), Layer.fresh)

/** With the database and everything else to look at. */
export const outboxWith = (outbox: OutboxSettings = {}) =>
  Outbox.layer.pipe(
    Layer.provideMerge(Layer.unwrap(Effect.map(temporaryDirectory, (directory) => databaseAt(`${directory}/h.db`)))),
    Layer.provideMerge(FakeRelay.layer),
    Layer.provideMerge(ground(outbox)),
    Layer.provideMerge(countedTurns)
  )
