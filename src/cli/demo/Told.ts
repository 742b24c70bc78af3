/** What the answers of the drill have to look like. */
import { Effect, Schema } from "effect"
import { CommandFailed } from "../Failures.ts"

export const Queued = Schema.Struct({
  structuredContent: Schema.Struct({ queued: Schema.Literal(true), note: Schema.String })
})

export const Delivered = Schema.Struct({ structuredContent: Schema.Struct({ messageId: Schema.String }) })

export const Inbox = Schema.Struct({
  structuredContent: Schema.Struct({ messages: Schema.Array(Schema.Struct({ text: Schema.String })) })
})

export const Listed = Schema.Struct({ tools: Schema.NonEmptyArray(Schema.Struct({ name: Schema.String })) })

/** Fails loudly where an answer is not as told. */
export const told = <A, I>(schema: Schema.Codec<A, I>, what: string) => {
  const decode = Schema.decodeUnknownEffect(schema)
  return (answer: unknown) =>
    Effect.mapError(
      decode(answer),
      () => new CommandFailed({ message: `not as told: expected ${what}, got ${JSON.stringify(answer)}` })
    )
}
