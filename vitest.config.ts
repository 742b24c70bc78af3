import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { ensureEntered } from "./test/support/environment.ts"
import LongestFirst from "./test/support/LongestFirst.ts"

ensureEntered()

const shared = {
  exclude: ["test/**/*.{drill,long}.test.ts"],
  // Where the machine is busy a process takes long to start.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // The files of a worker share its process, and so what they import.
  isolate: false,
  setupFiles: ["test/support/sameInputs.ts"],
  env: { NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/node", import.meta.url)) }
}

/** `npm test`: what every change has to pass, in a few minutes. */
export default defineConfig({
  // As the examples name it, which are published.
  resolve: { alias: { holdfast: fileURLToPath(new URL("src/index.ts", import.meta.url)) } },
  test: {
    reporters: ["./test/support/LineReporter.ts"],
    // Files of system tests wait for processes more than they compute: four on two cores were 217 s where three were 254.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...shared,
          name: "unit",
          include: ["test/unit/**/*.test.ts"]
        }
      },
      {
        test: {
          ...shared,
          name: "system",
          include: ["test/system/**/*.test.ts"],
          // Each process that a test starts would read and compile the same sources anew.
          globalSetup: ["test/support/bundledPrograms.ts"]
        }
      }
    ]
  }
})
