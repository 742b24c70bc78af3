/** An agent's command line as one process that `holdfast exec` started, and whose model is the test. */
import { type Duration, Effect } from "effect"
import type { Daemon } from "../Daemon.ts"
import { launch } from "../Program.ts"
import { type Scratch, scratch } from "./scratch.ts"
import type { ScriptedAgent } from "./scriptedAgents.ts"
import { scriptedModel } from "./ScriptedModel.ts"

export interface PlayedAgentOptions {
  /** Behind the agent's own. */
  readonly args?: ReadonlyArray<string>
  readonly environment?: Readonly<Record<string, string>>
  /** The user's settings, in the place of the agent's usual ones. */
  readonly settings?: string
  /** How long the model waits to be asked. */
  readonly timeout?: Duration.Input
}

export const playedAgent = Effect.fnUntraced(function*(
  scripted: ScriptedAgent,
  command: string,
  daemon: Daemon,
  options: PlayedAgentOptions = {}
) {
  const { args, dialect, environment, settings } = scripted
  const home: Scratch = yield* scratch
  if (settings !== undefined) home.write(options.settings ?? settings[1], ...settings[0])
  const model = yield* scriptedModel(dialect, options.timeout)
  const line = ["exec", "--data-dir", daemon.dataDir, "--", command, ...args(model.origin), ...(options.args ?? [])]
  const program = yield* Effect.acquireRelease(
    // Not in a worktree, to which exec would attach the agent.
    Effect.sync(() =>
      launch(line, { ...home.environment, ...environment(model.origin), ...options.environment }, home.path)
    ),
    ({ child, ended }) =>
      Effect.promise(() => {
        child.kill("SIGTERM")
        return ended
      })
  )
  return { model, program }
})
