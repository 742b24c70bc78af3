import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** To be removed by who asked for it. */
export const temporaryDirectory = (): string => mkdtempSync(join(tmpdir(), "holdfast-bench-"))
