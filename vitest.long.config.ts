import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { ensureEntered } from "./test/support/environment.ts"

ensureEntered()

/** What takes minutes and says more: `npm run test:long`. */
export default defineConfig({
  // As the examples name it, which are published.
  resolve: { alias: { holdfast: fileURLToPath(new URL("src/index.ts", import.meta.url)) } },
  test: {
    reporters: ["./test/support/LineReporter.ts"],
    include: ["test/**/*.long.test.ts"],
    maxWorkers: 2,
    globalSetup: ["test/support/bundledPrograms.ts"],
    testTimeout: 600_000,
    hookTimeout: 60_000
  }
})
