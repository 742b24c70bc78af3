/** A message from outside for an agent. */
import { type Option, Schema } from "effect"
import type { AgentName } from "../domain/Ids.ts"

export interface InboxMessage {
  /** In the order in which they came, over all agents. */
  readonly seq: number
  readonly id: string
  readonly agent: AgentName
  readonly from: string
  /** `None` once it was read and is not kept any more. */
  readonly body: Option.Option<string>
  readonly bytes: number
  /** When it came, in milliseconds since the epoch; so are the others. */
  readonly at: number
  readonly toldAt: Option.Option<number>
  readonly readAt: Option.Option<number>
}

export interface NewMessage {
  readonly agent: AgentName
  /** Who sends it, as the agent is told. */
  readonly from: string
  readonly body: string
  /** Names the message: it comes once, however often it is handed in. Without one it is a new message. */
  readonly id?: string | undefined
}

/** Nothing was kept. Of these only `full` and `disk` may pass by themselves. */
export class InboxRefused extends Schema.TaggedError<InboxRefused>()("InboxRefused", {
  reason: Schema.Literals(["full", "too large", "id in use", "not valid", "disk"]),
  message: Schema.String
}) {}

/** One word of printable ASCII. */
const idForm = /^[\x21-\x7e]{1,256}$/
const maxFrom = 200

/** What is wrong with a message whoever it is for, in the words of an error; `undefined` where nothing is. */
export const unfit = ({ body, from, id }: NewMessage): string | undefined => {
  if (id !== undefined && !idForm.test(id)) return "an id is 1 to 256 characters of printable ASCII, without spaces"
  if (from.trim() === "" || from.length > maxFrom) return `from is 1 to ${maxFrom} characters`
  return body === "" ? "the body is empty" : undefined
}
