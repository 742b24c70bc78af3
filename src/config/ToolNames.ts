/** Matches tools against a list of names and globs: `*` is any run of characters, `?` any one. */

/** In time of the product of both lengths at most: the relay chooses the name. */
const matches = (pattern: string, name: string): boolean => {
  let inPattern = 0
  let inName = 0
  /** Behind the last `*`, and where in the name what it stands for ends. */
  let behindStar = -1
  let until = 0
  while (inName < name.length) {
    const wanted = pattern[inPattern]
    if (wanted === "*") {
      behindStar = ++inPattern
      until = inName
    } else if (wanted === "?" || (wanted !== undefined && wanted === name[inName])) {
      inPattern += 1
      inName += 1
    } else if (behindStar >= 0) {
      inPattern = behindStar
      inName = ++until
    } else return false
  }
  while (pattern[inPattern] === "*") inPattern += 1
  return inPattern === pattern.length
}

/** Whether a name means itself alone where lists of names are written; a relay could call a tool `*`. */
export const isPlain = (name: string): boolean => /^[\w./:-]+$/.test(name)

/** Compiles the list once; a match then costs next to nothing. An empty list matches no tool. */
export const matcher = (patterns: ReadonlyArray<string>): (tool: string) => boolean => {
  const names = new Set(patterns.filter((pattern) => !/[*?]/.test(pattern)))
  const globs = patterns.filter((pattern) => !names.has(pattern))
  return (tool) => names.has(tool) || globs.some((glob) => matches(glob, tool))
}
