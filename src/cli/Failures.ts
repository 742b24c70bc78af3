/** How a command ends otherwise than well: 1 failed, 2 usage, 3 no daemon. The message is all that is printed. */
import { Runtime, Schema } from "effect"
import type { NotProven } from "../storage/ProvenDaemon.ts"

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

export class NoDaemon extends Schema.TaggedError<NoDaemon>()("NoDaemon", {
  dataDir: Schema.String,
  /** What was found of one that ran. */
  found: Schema.optionalKey(Schema.String)
}) {
  override readonly [Runtime.errorExitCode] = 3
  override get message(): string {
    const found = this.found === undefined ? "" : ` (${this.found})`
    return `no Holdfast daemon runs on ${this.dataDir}${found}; start one with "holdfast serve --relay URL", `
      + "or with \"holdfast serve --embedded\" for a relay of its own"
  }
}

/** What to do where another user listens at the daemon's port. */
export const portTaken =
  "nothing was sent there; end that program, or stop the daemon and start it on another port (--port)"

/** The daemon's own failure, as a command ends with it. */
export const notProven = (dataDir: string) => ({ found, reason }: NotProven): NoDaemon | CommandFailed => {
  switch (reason) {
    case "port taken":
      return new CommandFailed({ message: `${found}: ${portTaken}` })
    case "none announced":
      return new NoDaemon({ dataDir })
    default:
      return new NoDaemon({ dataDir, found })
  }
}
