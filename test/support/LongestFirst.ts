/** vitest's order, but for the files that take longest: they begin first, so that none is left alone at the end. */
import { BaseSequencer, type TestSpecification } from "vitest/node"

const longest = [
  "system/crash/Crash.test",
  "system/cli/connect.drill.test",
  "unit/outbox/Model.test",
  "unit/fuzz/Fuzz.test",
  "system/hostile/Wrap.drill.test",
  "system/cli/Supervisor.drill.test",
  "system/hostile/HttpEnvelopes.test",
  "system/dashboard/Dashboard.drill.test",
  "system/conformance/ClientConformance.drill.test",
  "system/cli/process.test",
  "system/agentside/Link.test",
  "system/eras/ModernAgent.test"
]

const rank = ({ moduleId }: TestSpecification) => {
  const found = longest.findIndex((name) => moduleId.endsWith(`test/${name}.ts`))
  return found === -1 ? longest.length : found
}

export default class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other))
  }
}
