/** How far one call of a tool has come, for whoever listens; filled in by those whom it passes, at the price of a field. */
import type { CallPlace } from "../../outbox/Call.ts"

/** Agents may name what they like; of longer names this much is told. */
const maxName = 128

export class CallTrace implements CallPlace {
  readonly call: string
  readonly tool: string
  key: string | undefined
  lane: string | undefined
  entry: number | undefined
  /** As `monotonicTimeNanosUnsafe` gives it. */
  sentAt: bigint | undefined
  relayAt: bigint | undefined
  progress = 0
  /** When progress was last told. */
  progressAt = 0n
  /** The answer's text, where it is asked for. */
  content: string | undefined

  constructor(call: string, tool: string) {
    this.call = call
    this.tool = tool.slice(0, maxName)
  }
}
