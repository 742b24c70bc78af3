import { Argument } from "effect/cli"
import { AgentName } from "../../domain/Ids.ts"

export const nameArgument = Argument.String("name").pipe(
  Argument.withDescription("1 to 64 letters, digits, dots, dashes or underscores, a letter or digit first"),
  Argument.withSchema(AgentName)
)
