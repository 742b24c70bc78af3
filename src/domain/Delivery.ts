/** What is known of a message whose answer did not come. */
import { Schema } from "effect"

/** `not sent`: the relay did not act on it. `unknown`: it may have. */
export const Delivery = Schema.Literals(["not sent", "unknown"])
export type Delivery = typeof Delivery.Type
