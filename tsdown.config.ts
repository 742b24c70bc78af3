import { defineConfig } from "tsdown"

export default defineConfig([
  // The bin: one file that starts fast, everything bundled.
  { entry: { main: "src/main.ts" }, platform: "node", format: "esm", noExternal: [/.*/], dts: false, clean: true },
  // The library: Effect stays the embedding program's own.
  {
    entry: { index: "src/index.ts" },
    platform: "node",
    format: "esm",
    external: [/^effect/, /^@effect\//],
    dts: true,
    clean: false
  }
])
