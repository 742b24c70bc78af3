import { defineConfig } from "vitest/config"
import { ensureEntered } from "./test/support/environment.ts"

ensureEntered()

/** `npm run test:drills`: the seeded searches for faults again, further than `npm test` goes, and the official suites. */
export default defineConfig({
  test: {
    reporters: ["./test/support/LineReporter.ts"],
    include: [
      "test/**/*.drill.test.ts",
      "test/system/crash/Crash.test.ts",
      "test/system/eras/Fidelity.test.ts",
      "test/system/faults/Sweep.test.ts",
      "test/system/hostile/HttpEnvelopes.test.ts",
      "test/unit/fuzz/Fuzz.test.ts",
      "test/unit/outbox/{Drain,Interleavings,Model,Shuffled}.test.ts"
    ],
    maxWorkers: 2,
    testTimeout: 900_000,
    hookTimeout: 60_000,
    globalSetup: ["test/support/bundledPrograms.ts"],
    env: { TEST_DEPTH: "drill" }
  }
})
