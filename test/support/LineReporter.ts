/** A line for each file as it ends, then each failure whole, with what was printed meanwhile; no colors, nothing that moves. */
import { stripVTControlCharacters } from "node:util"
import type { SerializedError, UserConsoleLog } from "vitest"
import type { Reporter, TestCase, TestModule } from "vitest/node"

const seconds = (millis: number) => `${(millis / 1000).toFixed(1)} s`

const print = (text: string) => process.stdout.write(`${stripVTControlCharacters(text)}\n`)

const indented = (text: string) => text.trimEnd().split("\n").map((line) => `    ${line}`).join("\n")

interface Thrown {
  readonly message: string
  readonly stack?: string | undefined
  readonly diff?: string | undefined
  readonly cause?: unknown
}

const isThrown = (value: unknown): value is Thrown =>
  typeof value === "object" && value !== null && "message" in value && typeof value.message === "string"

const wordsOf = (error: Thrown): string => {
  const { cause, diff, message, stack = "" } = error
  // A stack begins with the message; the frames that help are those outside of packages.
  const frames = stack.split("\n").filter((line) => /^\s+at /.test(line) && !line.includes("node_modules"))
  return [message, diff ?? "", frames.join("\n"), isThrown(cause) ? `caused by ${wordsOf(cause)}` : ""]
    .filter((part) => part !== "")
    .join("\n")
}

const countOf = (tests: ReadonlyArray<TestCase>, state: string) =>
  tests.filter((test) => test.result().state === state).length

export default class LineReporter implements Reporter {
  readonly #logs = new Map<string, Array<string>>()

  onUserConsoleLog({ content, taskId = "" }: UserConsoleLog): void {
    this.#logs.set(taskId, [...this.#logs.get(taskId) ?? [], content])
  }

  onTestModuleEnd(module: TestModule): void {
    const tests = [...module.children.allTests()]
    const failed = countOf(tests, "failed")
    const skipped = countOf(tests, "skipped")
    const { collectDuration, duration, environmentSetupDuration, prepareDuration, setupDuration } = module.diagnostic()
    const whole = collectDuration + duration + environmentSetupDuration + prepareDuration + setupDuration
    print([
      `${module.ok() ? "ok    " : "FAILED"}  ${module.relativeModuleId}`,
      failed > 0 ? `${failed} of ${tests.length} failed` : `${tests.length} tests`,
      ...(skipped > 0 ? [`${skipped} skipped`] : []),
      seconds(whole)
    ].join(", "))
    for (const test of module.children.allTests("failed")) {
      print(`          ${test.name}: ${test.result().errors?.[0]?.message.split("\n")[0] ?? ""}`)
    }
    if (!module.ok()) return
    for (const each of [module, ...tests]) this.#logs.delete(each.id)
  }

  #failed(name: string, errors: ReadonlyArray<Thrown>, id: string): void {
    print(`\nFAILED  ${name}`)
    for (const error of errors) print(indented(wordsOf(error)))
    const printed = (this.#logs.get(id) ?? []).join("")
    if (printed !== "") print(`  it printed:\n${indented(printed)}`)
  }

  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandled: ReadonlyArray<SerializedError>): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    for (const module of modules) {
      const suites = [...module.children.allSuites()].filter((suite) => suite.errors().length > 0)
      if (module.errors().length > 0) this.#failed(module.relativeModuleId, module.errors(), module.id)
      for (const suite of suites) {
        this.#failed(`${module.relativeModuleId} > ${suite.fullName}`, suite.errors(), suite.id)
      }
      for (const test of module.children.allTests("failed")) {
        this.#failed(`${module.relativeModuleId} > ${test.fullName}`, test.result().errors ?? [], test.id)
      }
    }
    for (const error of unhandled) this.#failed("outside of any test", [error], "")
    const broken = modules.filter((module) => !module.ok()).length
    print(
      `\n${modules.length} files, ${broken} failed; tests: ${countOf(tests, "passed")} passed, ` +
        `${countOf(tests, "failed")} failed, ${countOf(tests, "skipped")} skipped`
    )
  }
}
