import { defineConfig } from "tsdown"

export default defineConfig([
  // The command: a few lines that any Node can read, and one file that starts fast, everything bundled.
  {
    entry: { bin: "src/bin.ts" },
    platform: "node",
    format: "esm",
    fixedExtension: false,
    deps: { alwaysBundle: [/.*/], onlyBundle: false },
    // jsonc-parser's `main` loads its parts in a way that no bundler can follow; its `module` does not.
    inputOptions: { resolve: { mainFields: ["module", "main"] } },
    dts: false,
    clean: true
  },
  // The library: Effect stays the embedding program's own.
  {
    entry: { index: "src/index.ts" },
    platform: "node",
    format: "esm",
    fixedExtension: false,
    deps: { neverBundle: [/^effect(\/|$)/, /^@effect\//, "undici", "jsonc-parser"] },
    dts: true,
    clean: false
  }
])
