/** `connect --undo`: the service stops and goes, then each file is as it was. */
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

export const undo = Effect.fn("undo")(function*(dataDir: string) {
  const service = yield* Service.find(dataDir)
  if (Option.isSome(service)) {
    yield* stopDaemon(dataDir).pipe(
      Effect.flatMap((pid) => Console.log(`the daemon, process ${pid}, has stopped`)),
      Effect.catchTag("NoDaemon", () => Effect.void),
      Effect.provide(DaemonClient.layer(dataDir))
    )
    yield* Service.remove(dataDir, service.value)
    if (service.value.file !== "") yield* Console.log(`${service.value.file} is removed`)
  }
  const records = yield* FileEdit.records(dataDir)
  if (records.length === 0 && Option.isNone(service)) yield* Console.log("nothing is connected")
  // The newest change of a file first: `bufferable` came after the relay.
  const order = records.toSorted((a, b) => Number(b.name === "bufferable") - Number(a.name === "bufferable"))
  yield* Effect.forEach(order, (record) =>
    Effect.flatMap(
      FileEdit.undo(dataDir, record, remover(record)),
      (outcome) => Console.log(words[outcome](record.file))
    ), { discard: true })
  if (records.length > 0) yield* Console.log(`what is queued stays in ${dataDir}`)
})
