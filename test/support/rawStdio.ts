/** `holdfast stdio` with its lines in the hands of the test. */
import { Effect } from "effect"
import { spawn } from "node:child_process"
import type { stdioCommand } from "./stdioCommand.ts"

export const rawStdio = Effect.fnUntraced(function*({ args, command, env }: ReturnType<typeof stdioCommand>) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(command, args, { env, stdio: ["pipe", "pipe", "inherit"] })),
    (child) =>
      Effect.sync(() => {
        child.kill("SIGKILL")
      })
  )
  let said = ""
  child.stdout.on("data", (chunk) => said += String(chunk))
  return {
    said: Effect.sync(() => said.split("\n").slice(0, -1).map((line) => Object(JSON.parse(line)))),
    say: (message: unknown) =>
      Effect.sync(() => {
        child.stdin.write(`${JSON.stringify(message)}\n`)
      }),
    /** What has been answered so far, by id, batches taken apart. */
    answers: Effect.sync(() => {
      const lines = said.split("\n").slice(0, -1).map((line): unknown => JSON.parse(line)).flat()
      return new Map(lines.map((message) => [Object(message).id, Object(message)]))
    })
  }
})
