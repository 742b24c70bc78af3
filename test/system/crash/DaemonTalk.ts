/** What harness and daemon tell each other over the process's IPC channel. */
import type { SettingsSchema } from "../../../src/config/Settings.ts"
import type { OutboxStats } from "../../../src/outbox/Outbox.ts"
import type { Trap } from "./Place.ts"

export type ToDaemon =
  | { readonly _tag: "Go"; readonly settings: typeof SettingsSchema.Encoded; readonly trap: Trap | undefined }
  | { readonly _tag: "Lay"; readonly trap: Trap | undefined }
  /** The system's clock is set, by so many milliseconds. */
  | { readonly _tag: "SetClock"; readonly by: number }
  | { readonly _tag: "Stats" }

export type Counts = Omit<OutboxStats, "oldestAt">

export type FromDaemon =
  | { readonly _tag: "Ready"; readonly port: number }
  | { readonly _tag: "Laid" }
  | { readonly _tag: "Stats"; readonly counts: Counts }
