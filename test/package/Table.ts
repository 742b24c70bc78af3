/** What was run and how it went, as it is printed at the end. */
import type { Ended } from "./EmptyFolder.ts"

export class Table {
  readonly #rows: Array<{ readonly what: string; readonly millis: number; readonly problem: string | undefined }> = []

  /** Runs a step; a failure is a row too, and the next step runs. */
  async step(what: string, run: () => Promise<void>): Promise<void> {
    const from = performance.now()
    const problem = await run().then(
      () => undefined,
      (error: unknown) => error instanceof Error ? error.message : String(error)
    )
    const millis = Math.round(performance.now() - from)
    this.#rows.push({ what, millis, problem })
    process.stdout.write(`${problem === undefined ? "ok    " : "FAILED"}  ${`${millis}`.padStart(6)} ms  ${what}\n`)
    if (problem !== undefined) process.stdout.write(`        ${problem.replaceAll("\n", "\n        ")}\n`)
  }

  get failed(): number {
    return this.#rows.filter(({ problem }) => problem !== undefined).length
  }

  get passed(): number {
    return this.#rows.length - this.failed
  }
}

export const expect = (condition: boolean, what: string): void => {
  if (!condition) throw new Error(what)
}

/** It ended as it should, and one of its two outputs matches. */
export const expectEnd = ({ code, stderr, stdout }: Ended, wanted: number, pattern: RegExp): void => {
  expect(code === wanted, `exit code ${code}, expected ${wanted}\n${stdout}\n${stderr}`)
  expect(pattern.test(stdout) || pattern.test(stderr), `nothing matches ${pattern}:\n${stdout}\n${stderr}`)
}
