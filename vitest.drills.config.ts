import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { ensureEntered } from "./test/support/environment.ts"
import LongestFirst from "./test/support/LongestFirst.ts"

ensureEntered()

/**
 * `npm run test:drills`: the seeded searches for faults again, further than `npm test` goes; the official suites; and what
 * starts so many processes that `npm test` would take too long.
 */
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
      "test/unit/journal/{Compaction,Following}.test.ts",
      "test/unit/outbox/{Drain,Interleavings,Model,Shuffled}.test.ts",
      "test/unit/uplink/Uplinks.test.ts"
    ],
    // A drill is worth less where it fails for want of a processor.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // The files of a worker share its process, and so what they import.
    isolate: false,
    setupFiles: ["test/support/sameInputs.ts"],
    testTimeout: 900_000,
    hookTimeout: 60_000,
    globalSetup: ["test/support/bundledPrograms.ts"],
    env: {
      TEST_DEPTH: "drill",
      NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/node", import.meta.url))
    }
  }
})
