/**
 * What git's configuration says about helpers, and what it should say with ours in front (gitcredentials(7)).
 *
 * git asks helpers in order and the first answer wins, but tells all of them to store. So the list is emptied first,
 * ours comes next, and those that were there follow as a fallback that is asked and never given anything to store: a keychain would
 * keep a token that ends within the hour, and forget the user's own because ours was refused.
 */

export interface Entry {
  readonly key: string
  readonly value: string
}

/** `git config --list --null`: each entry ends in a NUL, its key in a line end; without a value there is none. */
export const parseList = (text: string): ReadonlyArray<Entry> =>
  text.split("\0").filter((entry) => entry !== "").map((entry) => {
    const at = entry.indexOf("\n")
    return at < 0 ? { key: entry, value: "true" } : { key: entry.slice(0, at), value: entry.slice(at + 1) }
  })

/** The same with `--show-scope`: each entry comes behind the scope of the file that it is from. */
export const parseScopes = (text: string): ReadonlyArray<Entry & { readonly scope: string }> => {
  const pieces = text.split("\0")
  return pieces.flatMap((scope, index) =>
    index % 2 === 0 ? parseList(pieces[index + 1] ?? "").map((entry) => ({ ...entry, scope })) : []
  )
}

export const helperKey = (origin: string): string => `credential.${origin}.helper`

/** Whether a section's URL is for the place as a whole. */
const concerns = (section: string, origin: string): boolean => {
  const url = URL.parse(section)
  return url !== null && url.origin === origin && url.pathname === "/"
}

/** The helpers that git asks for the place, in order. */
export const chainFor = (entries: ReadonlyArray<Entry>, origin: string): ReadonlyArray<string> => {
  const chain: Array<string> = []
  for (const { key, value } of entries) {
    const section = /^credential\.(?:(.*)\.)?helper$/.exec(key)
    if (section === null || (section[1] !== undefined && !concerns(section[1], origin))) continue
    if (value === "") chain.length = 0
    else chain.push(value)
  }
  return chain
}

/** The shell's words for a helper, as git makes them. */
const commandOf = (helper: string): string => {
  if (helper.startsWith("!")) return helper.slice(1)
  return helper.startsWith("/") ? helper : `git credential-${helper}`
}

const onlyAsked = (helper: string): string => `!f() { if test "$1" = get; then ${commandOf(helper)} get; fi; }; f`

/** The shell itself answers `store`, and what later versions of git may ask: a program is started for the rest alone. */
const answering = (command: string): string => `!f() { case "$1" in get|erase) exec ${command} "$1";; esac; }; f`

/** The values that the place's helper is to have. `ours` is the command, without git's verb. */
export const withOurs = (ours: string, before: ReadonlyArray<string>): ReadonlyArray<string> => [
  "",
  answering(ours),
  ...before.map(onlyAsked)
]
