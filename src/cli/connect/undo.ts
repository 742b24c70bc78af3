/** `connect --undo`: the relay goes out of `holdfast.json`, the service stops and goes, the agents' files are as they were. */
import { Console, Effect, Option } from "effect"
import { clients } from "../../clients/clients.ts"
import { serverName } from "../../clients/Injection.ts"
import * as JsonEntry from "../../clients/jsonEntry.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { stopDaemon } from "../stop.ts"
import * as FileEdit from "./FileEdit.ts"
import { removeRelay } from "./relayChoice.ts"
import * as Service from "./Service.ts"

const remover = ({ name, owner }: FileEdit.EditRecord): (text: string) => string => {
  if (owner === "configuration") {
    return (text) =>
      name === "bufferable" ? JsonEntry.removeAt(text, ["outbox", "bufferable"]) : removeRelay(text, name)
  }
  const client = clients.find(({ registration }) => registration?.command === owner)
  return (text) => client?.registration?.remove(text, serverName(name)) ?? text
}

const words = {
  restored: (file: string) => `${file} is as it was`,
  removed: (file: string) => `${file} was changed since: only the entry of Holdfast is taken out`,
  gone: (file: string) => `${file} holds nothing of Holdfast's`
}

const restore = Effect.fnUntraced(function*(dataDir: string, records: ReadonlyArray<FileEdit.EditRecord>) {
  for (const record of records) {
    const outcome = yield* FileEdit.undo(dataDir, record, remover(record))
    yield* Console.log(words[outcome](record.file))
  }
})

export const undo = Effect.fn("undo")(function*(dataDir: string) {
  const service = yield* Service.find(dataDir)
  const records = yield* FileEdit.records(dataDir)
  if (records.length === 0 && Option.isNone(service)) yield* Console.log("nothing is connected")
  // The newest change of a file first: `bufferable` came after the relay.
  const own = records.filter(({ owner }) => owner === "configuration")
    .toSorted((a, b) => Number(b.name === "bufferable") - Number(a.name === "bufferable"))
  // Before the daemon stops: an agent that is open starts it again as long as a relay is configured.
  yield* restore(dataDir, own)
  if (Option.isSome(service)) {
    yield* stopDaemon(dataDir).pipe(
      Effect.flatMap((pid) => Console.log(`the daemon, process ${pid}, has stopped`)),
      Effect.catchTag("NoDaemon", () => Effect.void),
      Effect.provide(DaemonClient.layer(dataDir))
    )
    yield* Service.remove(dataDir, service.value)
    for (const file of [service.value.file, service.value.socket ?? ""]) {
      if (file !== "") yield* Console.log(`${file} is removed`)
    }
  }
  yield* restore(dataDir, records.filter(({ owner }) => owner !== "configuration"))
  if (records.length > 0) yield* Console.log(`what is queued stays in ${dataDir}`)
})
