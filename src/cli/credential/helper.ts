/**
 * What git runs as its credential helper, where the command line names no data directory: the settings do. Where it does
 * name one, `bin.ts` starts `programs/gitHelper.ts` instead.
 */
import { Cause, Effect } from "effect"
import { Command } from "effect/cli"
import * as GitHelper from "../../credentials/GitHelper.ts"
import type { Operation } from "../../credentials/HelperCommand.ts"
import { dataDirectory } from "../configuration.ts"

/** As git's helper explains a step, where it is asked to. */
export const explain = (step: string): Effect.Effect<void> => Effect.sync(() => GitHelper.explain(step))

/** Whatever fails, the helper prints nothing and exits with 0, so that git goes on to its next helper. */
const answer = (operation: Operation) =>
  dataDirectory.pipe(
    Effect.flatMap((dataDir) => Effect.promise(() => GitHelper.answerGit({ operation, dataDir }))),
    Effect.catchCause((cause) => explain(`no answer: ${Cause.prettyErrors(cause).map(({ message }) => message)}`))
  )

export const get = Command.make("get", {}, () => answer("get")).pipe(
  Command.withDescription("For git: print the credential of a configured host, or nothing"),
  Command.withExamples([{
    command: "printf 'protocol=https\\nhost=github.com\\n\\n' | HOLDFAST_DEBUG=credential holdfast credential get",
    description: "Ask as git does, and show each step"
  }])
)

export const store = Command.make("store", {}, () => answer("store")).pipe(
  Command.withDescription("For git: nothing is stored"),
  Command.withExamples([{ command: "holdfast credential store", description: "Git runs this after a success" }])
)

export const erase = Command.make("erase", {}, () => answer("erase")).pipe(
  Command.withDescription("For git: a refused credential is not given out again"),
  Command.withExamples([{ command: "holdfast credential erase", description: "Git runs this after a refusal" }])
)
