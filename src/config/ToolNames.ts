/** Matches tools against a list of names and globs: `*` is any run of characters, `?` any one. */
import { RegExp as Regex } from "effect"

const source = (pattern: string): string => Regex.escape(pattern).replaceAll("\\*", ".*").replaceAll("\\?", ".")

/** Compiles the list once; a match then costs next to nothing. An empty list matches no tool. */
export const matcher = (patterns: ReadonlyArray<string>): (tool: string) => boolean => {
  const names = new Set(patterns.filter((pattern) => !/[*?]/.test(pattern)))
  const globs = patterns.filter((pattern) => !names.has(pattern)).map(source)
  if (globs.length === 0) return (tool) => names.has(tool)
  const anyGlob = new RegExp(`^(?:${globs.join("|")})$`, "s")
  return (tool) => names.has(tool) || anyGlob.test(tool)
}
