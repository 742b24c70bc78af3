/** What an agent's configuration has to say to reach the endpoint; the secret itself is in none of it. */
export interface ClientEntry {
  /** The endpoint's URL. */
  readonly url: string
  /** The file that holds the agent's secret; `undefined` where `HOLDFAST_AGENT_SECRET` is set instead. */
  readonly secretFile: string | undefined
}

export const environmentVariable = "HOLDFAST_AGENT_SECRET"

/** As a word of a POSIX shell. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`

/** For a shell to expand, inside double quotes. */
export const secretExpansion = ({ secretFile }: ClientEntry): string =>
  secretFile === undefined ? `$${environmentVariable}` : `$(cat ${shellWord(secretFile)})`

/** The line that puts the secret into the environment of whatever the shell starts next. */
export const exportLine = (entry: ClientEntry): string => `export ${environmentVariable}="${secretExpansion(entry)}"`

/** Where the secret is, in words. */
export const secretPlace = ({ secretFile }: ClientEntry): string =>
  secretFile ?? `the environment variable ${environmentVariable}`
