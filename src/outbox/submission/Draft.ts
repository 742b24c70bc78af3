import type { BufferableCall, Wire } from "../Call.ts"

/** A call that is about to become an entry. */
export interface Draft {
  readonly call: BufferableCall
  readonly wire: Wire
  readonly argumentsHash: string
  readonly lane: string
  readonly bytes: number
  readonly onUnknown: "resend" | "dead"
  readonly occurredAt: number
}
