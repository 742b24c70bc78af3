/** What the relay's tools have in common: who calls them, what they may do to the world, and the key of a write. */
import { Context, Schema } from "effect"
import { Tool } from "effect/ai"
import { Caller } from "./EmbeddedTokens.ts"
import { Refused } from "./Writes.ts"

export const described = (description: string) => Schema.String.annotate({ description })

export const key = {
  idempotencyKey: Schema.optionalKey(
    described("The same key with the same arguments is one write, however often it is sent.")
  )
}

// Clients assume destruction and the outside world unless told otherwise.
const harmless = Context.make(Tool.Destructive, false).pipe(Context.add(Tool.OpenWorld, false))

export const reads = Context.add(harmless, Tool.Readonly, true)
export const writes = harmless

export const reading = { dependencies: [Caller] }
export const writing = { dependencies: [Caller], failure: Refused }
