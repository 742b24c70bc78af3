/** vitest's order, but for the files that take longest: they begin first, so that none is left alone at the end. */
import { BaseSequencer, type TestSpecification } from "vitest/node"

const longest = [
  "hostile/Wrap",
  "crash/Crash",
  "faults/Sweep",
  "cli/connect",
  "cli/Supervisor",
  "launch/wrap",
  "launch/exec",
  "credentials/GitHelper",
  "cli/process",
  "cli/StdioOutage",
  "drill/NoLeak",
  "token/HeldLetters"
]

const rank = ({ moduleId }: TestSpecification) => {
  const found = longest.findIndex((name) => moduleId.endsWith(`test/system/${name}.test.ts`))
  return found === -1 ? longest.length : found
}

export default class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other))
  }
}
