#!/usr/bin/env node
/**
 * What the installed command starts: says so where Node is too old, which would fail in words of its own, and keeps the
 * compiled code for the next start.
 */
import { enableCompileCache } from "node:module"
import { homedir } from "node:os"
import { join } from "node:path"
import { programOf } from "./programs/programOf.ts"
import { supervise, supervises } from "./programs/supervise.ts"

const words = process.argv.slice(2)

if (Number.parseInt(process.versions.node, 10) < 24) {
  process.stderr.write(
    `holdfast needs Node 24 or newer, and ${process.execPath} is ${process.version}. Install one from nodejs.org, or put it first on the PATH.\n`
  )
  process.exitCode = 1
} else if (programOf(words) === "gitHelper") {
  // So small that a cache of its code would cost more than it saves.
  await import("./programs/gitHelper.ts")
} else if (supervises(words, process.env)) supervise(words)
else {
  // In the user's own cache: code from a folder that others can write to would be theirs to choose.
  enableCompileCache(join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "holdfast"))
  const program = programOf(words)
  if (program === "serve") await import("./programs/serve.ts")
  else if (program === "client") await import("./programs/client.ts")
  else await import("./main.ts")
}
