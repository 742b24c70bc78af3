import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/**/*.long.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Most files wait for processes more than they compute, so two of them share two cores well.
    maxWorkers: 2,
    // Each process that a test starts would read and compile the same sources anew.
    globalSetup: ["test/support/bundledMain.ts"],
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/node", import.meta.url)) }
  }
})
