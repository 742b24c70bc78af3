/** A journal over a real database file. */
import { Layer } from "effect"
import { mkdtempSync } from "node:fs"
import { join } from "node:path"
import { Settings, settingsFrom, type SettingsSchema } from "../../src/config/Settings.ts"
import { Journal } from "../../src/journal/Journal.ts"
import * as Migrations from "../../src/storage/Migrations.ts"
import * as SqliteClient from "../../src/storage/SqliteClient.ts"
import { Supervisor } from "../../src/supervision/Supervisor.ts"
import { memoryDirectory } from "./environment.ts"

export const temporaryFile = (): string =>
  join(mkdtempSync(join(memoryDirectory(), "holdfast-journal-")), "holdfast.db")

export const journalOver = (file: string, journal: (typeof SettingsSchema.Encoded)["journal"] = {}) =>
  Journal.layer.pipe(
    Layer.provideMerge(Migrations.layer),
    Layer.provideMerge(SqliteClient.layer({ filename: file })),
    Layer.provideMerge(Supervisor.layer),
    Layer.provideMerge(Layer.succeed(Settings, settingsFrom({ journal })))
  )
