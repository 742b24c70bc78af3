/**
 * Lets one daemon use a data directory: an exclusive transaction on `lock.db` lasts as long as the layer.
 *
 * The operating system frees the lock however the process ends, SIGKILL included. Nothing else in this process may open
 * and close that file: POSIX drops all locks of a process on a file with the first descriptor that it closes.
 */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { DatabaseSync } from "node:sqlite"
import { DataDirectory } from "./DataDirectory.ts"
import * as EndpointFile from "./EndpointFile.ts"
import { lockName } from "./LockProbe.ts"
import { DatabaseUnusable, faultOf } from "./StorageFault.ts"

export class DaemonRunning extends Schema.TaggedError<DaemonRunning>()("DaemonRunning", {
  directory: Schema.String,
  pid: Schema.Option(Schema.Int),
  url: Schema.Option(Schema.String)
}) {
  override get message(): string {
    const who = Option.match(this.pid, { onNone: () => "another process", onSome: (pid) => `process ${pid}` })
    const where = Option.match(this.url, { onNone: () => "", onSome: (url) => ` (${url})` })
    return `a Holdfast daemon uses ${this.directory} already: ${who}${where}; stop it first, `
      + "or start this one with another --data-dir"
  }
}

const take = (file: string) => {
  const db = new DatabaseSync(file)
  try {
    db.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE")
    return db
  } catch (cause) {
    db.close()
    throw cause
  }
}

const running = Effect.fnUntraced(function*(directory: string) {
  const endpoint = yield* EndpointFile.read
  return yield* new DaemonRunning({
    directory,
    pid: Option.map(endpoint, ({ pid }) => pid),
    url: Option.map(endpoint, ({ url }) => url)
  })
})

/** Proves that this process alone is the daemon of the data directory. */
export class DaemonLock
  extends Context.Service<DaemonLock, { readonly file: string }>()("holdfast/storage/DaemonLock")
{
  static readonly layer = Layer.effect(
    DaemonLock,
    Effect.gen(function*() {
      const directory = yield* DataDirectory
      const file = directory.file(lockName)
      yield* directory.create(lockName)
      yield* Effect.acquireRelease(
        Effect.try({
          try: () => take(file),
          catch: (cause) => new DatabaseUnusable({ file, fault: faultOf(cause), detail: String(cause) })
        }),
        (db) => Effect.sync(() => db.close())
      ).pipe(Effect.catchIf(({ fault }) => fault === "busy", () => running(directory.path)))
      yield* EndpointFile.removeStale
      return DaemonLock.of({ file })
    })
  )
}
