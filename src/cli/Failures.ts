/** How a command ends otherwise than well: 1 failed, 2 usage, 3 no daemon. The message is all that is printed. */
import { Runtime, Schema } from "effect"

export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", { message: Schema.String }) {
  override readonly [Runtime.errorExitCode] = 1
}

export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", { message: Schema.String }) {
  override readonly [Runtime.errorExitCode] = 2
}

/** What we ran in the foreground ended so, and said why itself. */
export class Ended extends Schema.TaggedError<Ended>()("Ended", { code: Schema.Int }) {
  override get [Runtime.errorExitCode](): number {
    return this.code
  }
}

export class NoDaemon extends Schema.TaggedError<NoDaemon>()("NoDaemon", { dataDir: Schema.String }) {
  override readonly [Runtime.errorExitCode] = 3
  override get message(): string {
    return `no Holdfast daemon runs on ${this.dataDir}; start one with "holdfast serve --relay URL", `
      + "or with \"holdfast serve --embedded\" for a relay of its own"
  }
}
