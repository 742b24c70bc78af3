/** What the relay says no to, in words for the model that asked; it becomes an `isError` result. */
import { Schema } from "effect"

export class Refused extends Schema.TaggedError<Refused>()("Refused", { message: Schema.String }) {}
