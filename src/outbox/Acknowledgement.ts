/** The answer to a call that was queued, and how dead letters are reported in it (BEHAVIOUR 5). */
import { Option } from "effect"
import type { Entry } from "./Entry.ts"

interface Queued {
  readonly tool: string
  readonly key: string
  /** Its place in its lane, from 1; the one in flight counts. */
  readonly position: number
  /** Dead letters that the agent does not know of. */
  readonly unreported: ReadonlyArray<Entry>
}

const maxNamed = 5

const describe = (entry: Entry): string =>
  `${entry.tool} (entry ${entry.id}, key ${entry.key}): ${Option.getOrElse(entry.reason, () => "no reason known")}`

/** Names letters that died, for a model to act on. */
export const deadLetterNote = (entries: ReadonlyArray<Entry>): string => {
  const rest = entries.length - maxNamed
  return `${entries.length === 1 ? "One call" : `${entries.length} calls`} that had been queued earlier could not be `
    + `delivered and will not be tried again by itself: ${entries.slice(0, maxNamed).map(describe).join("; ")}`
    + `${rest > 0 ? `; and ${rest} more` : ""}. An operator sees them with "holdfast outbox list --state dead" and can `
    + `retry them with "holdfast outbox retry".`
}

const noteOf = ({ key, position, tool, unreported }: Queued): string => {
  const place = position <= 1 ? "It is next in line." : `It is number ${position} in line.`
  const note = `The relay has not answered yet. This call of ${tool} is queued and safe on disk: it will be delivered, `
    + `in order, once the relay takes it. Do not repeat it. ${place} Its idempotency key is ${key}.`
  return unreported.length === 0 ? note : `${note} ${deadLetterNote(unreported)}`
}

/** The text of the tool result that acknowledges a queued call. */
export const acknowledgement = (queued: Queued): string => {
  // Said twice: clients show either the text or what is structured.
  const note = JSON.stringify(noteOf(queued))
  return `{"content":[{"type":"text","text":${note}}],"structuredContent":{"queued":true,"tool":${
    JSON.stringify(queued.tool)
  },"idempotencyKey":${JSON.stringify(queued.key)},"position":${queued.position},"note":${note}}}`
}
