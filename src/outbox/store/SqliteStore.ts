/** The outbox in the daemon's SQLite database. */
import { Effect, Layer } from "effect"
import * as Entries from "./Entries.ts"
import * as Maintenance from "./Maintenance.ts"
import { OutboxStore } from "./OutboxStore.ts"
import * as Writer from "./Writer.ts"

/** What was in flight when the last process ended is recovered when it is built. */
export const layer = Layer.effect(
  OutboxStore,
  Effect.gen(function*() {
    const writer = yield* Writer.make
    return OutboxStore.of({
      ...(yield* Entries.make(writer)),
      ...(yield* Maintenance.make(writer)),
      writable: writer.writable
    })
  })
)
