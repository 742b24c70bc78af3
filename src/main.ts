#!/usr/bin/env node
/** Every command, or the parent of a daemon: what a clone and a single executable start. */
import { supervise, supervises } from "./programs/supervise.ts"

const words = process.argv.slice(2)
if (supervises(words, process.env)) supervise(words)
else await import("./programs/all.ts")
