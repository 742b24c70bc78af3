import { fileURLToPath } from "node:url"

/** What `node` starts as `holdfast`: the build where a run has made one (`bundledPrograms.ts`), else the sources. */
export const holdfastFile: string = process.env["BUNDLED_HOLDFAST"] ??
  fileURLToPath(new URL("../../src/main.ts", import.meta.url))
