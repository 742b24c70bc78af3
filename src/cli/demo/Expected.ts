/** What the answers of the demonstration have to look like. */
import { Effect, Schema } from "effect"
import { CommandFailed } from "../Failures.ts"

export const Queued = Schema.Struct({
  structuredContent: Schema.Struct({ queued: Schema.Literal(true), note: Schema.String })
})

export const Answered = Schema.Struct({ structuredContent: Schema.Struct({ messageId: Schema.String }) })

export const Inbox = Schema.Struct({
  structuredContent: Schema.Struct({ messages: Schema.Array(Schema.Struct({ text: Schema.String })) })
})

export const Listed = Schema.Struct({ tools: Schema.NonEmptyArray(Schema.Struct({ name: Schema.String })) })

/** Decodes an answer; fails where it is not as expected. */
export const expected = <A, I>(schema: Schema.Codec<A, I>, what: string) => {
  const decode = Schema.decodeUnknownEffect(schema)
  return (answer: unknown) =>
    Effect.mapError(
      decode(answer),
      () => new CommandFailed({ message: `the demonstration expected ${what}, got ${JSON.stringify(answer)}` })
    )
}
