/** What is counted at the end of the pod's life: the plane's log against Holdfast's journal, the inbox, the secrets. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { PlaneRecord, Pod } from "./Pod.ts"

interface Recorded {
  readonly seq: number
  readonly type: string
}

/** Of several such in a short time the journal keeps the last, after the plane may have had the others. */
const isSummedUp = (type: string): boolean => ["link.up", "link.down", "menu.changed", "call.progress"].includes(type)

const recordOf = ({ payload }: PlaneRecord): Recorded => JSON.parse(payload)
const pushed = (pod: Pod): ReadonlyArray<PlaneRecord> => pod.planeLog().filter(({ key }) => key !== "")

/** The journal as text, a record each, as the admin API has it. */
const journalOf = async (pod: Pod): Promise<ReadonlyArray<string>> =>
  [...(await pod.events()).matchAll(/^data: (\{.*\})$/gm)].map(([, text = ""]) => text)

const filesIn = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))

/** Fails where the plane lacks a record, has one twice or out of order, or where a secret is where it does not belong. */
export const reckon = async (
  pod: Pod,
  until: <A>(what: string, look: () => A | Promise<A>, good: (value: A) => boolean) => Promise<A>
): Promise<{ readonly records: number }> => {
  const journal = await journalOf(pod)
  const last: Recorded = JSON.parse(journal.at(-1) ?? "{}")
  await until(
    "the newest record at the plane",
    () => pushed(pod).map(recordOf).at(-1)?.seq ?? 0,
    (seq) => seq >= last.seq
  )

  const log = pushed(pod)
  const numbers = log.map(recordOf).map(({ seq }) => seq)
  numbers.forEach((seq, index) => {
    if (index > 0 && seq <= numbers[index - 1]!) throw new Error(`the plane has ${seq} behind ${numbers[index - 1]}`)
  })
  const had = new Set(log.map(({ payload }) => payload))
  const missing = journal.filter((text) => !had.has(text))
  if (missing.length > 0) throw new Error(`the plane lacks ${missing.join("\n")}`)
  const known = new Set(journal)
  const strange = log.filter(({ payload, type }) =>
    !known.has(payload) && !isSummedUp(type) && recordOf({ payload, type, key: "" }).seq <= last.seq
  )
  if (strange.length > 0) throw new Error(`the journal lacks ${JSON.stringify(strange)}`)

  const secrets = [...pod.credentials, pod.agentSecret]
  const places = [...log.map(({ payload }) => payload), pod.printed, ...filesIn(pod.dataDir)]
  const leaks = places.filter((text) => secrets.some((secret) => text.includes(secret)))
  if (leaks.length > 0) throw new Error(`a secret is in ${leaks.join("\n").slice(0, 2000)}`)
  return { records: log.length }
}
