/** A file whose every character fits a byte, which Node keeps at half the size in memory: others are escaped. */
import type { Rolldown } from "tsdown"

/** Right in strings, templates and patterns, which is where they are; not under `String.raw`. */
const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`

export const latin1: Rolldown.Plugin = {
  name: "latin1",
  renderChunk: { order: "post", handler: (code) => code.replaceAll(/[\u0100-\uffff]/g, escaped) }
}
