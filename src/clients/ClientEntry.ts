/** What an agent's configuration has to say to reach the endpoint; the secret itself is in none of it. */
export interface ClientEntry {
  /** The server's name in the client. */
  readonly name: string
  /** The endpoint's URL, with the relay's name where it is not the default one. */
  readonly url: string
  /** The file that holds the agent's secret; `undefined` where `HOLDFAST_AGENT_SECRET` is set instead. */
  readonly secretFile: string | undefined
  /** The words that run a command of Holdfast: put first, `stdio` or `headers`, then `options`. */
  readonly program: ReadonlyArray<string>
  /** The data directory and what else the command needs, since not every client passes its environment on. */
  readonly options: ReadonlyArray<string>
  /** An agent other than the default one: its secret is in no file, so the client runs a command that gets one. */
  readonly agent?: string
  /** A service manager keeps the daemon up. */
  readonly isService: boolean
}

export const forAgent = (entry: ClientEntry, agent: string): ClientEntry => ({
  ...entry,
  agent,
  options: [...entry.options, "--agent", agent]
})

export const environmentVariable = "HOLDFAST_AGENT_SECRET"

/** As a word of a POSIX shell. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`

/** For a shell to expand, inside double quotes. */
const secretExpansion = ({ secretFile }: ClientEntry): string =>
  secretFile === undefined ? `$${environmentVariable}` : `$(cat ${shellWord(secretFile)})`

/** The line that puts the secret into the environment of whatever the shell starts next. */
export const exportLine = (entry: ClientEntry): string => `export ${environmentVariable}="${secretExpansion(entry)}"`

/** Where the secret is, in words. */
export const secretPlace = ({ secretFile }: ClientEntry): string =>
  secretFile ?? `the environment variable ${environmentVariable}`

/**
 * The line of a shell that prints the headers with the secret. Node would take longer to start, on a busy machine, than the
 * 10 s that a client waits; `printf` is the shell's own, so the secret is in nobody's arguments. Where no service keeps the
 * daemon up, it is woken beside that.
 */
export const headersLine = (entry: ClientEntry): string => {
  const own = [...entry.program, "headers", ...entry.options].map(shellWord).join(" ")
  if (process.platform === "win32") return own
  const print = `printf '{"Authorization":"Bearer %s"}' "${secretExpansion(entry)}"`
  return entry.isService ? print : `(${own} >/dev/null 2>&1 &); ${print}`
}

/** The command that serves MCP on standard input and output. */
export const stdioCommand = ({ options, program: [command = "holdfast", ...args] }: ClientEntry) => ({
  command,
  args: [...args, "stdio", ...options]
})

/** Who writes the entry where nobody wants to paste it. */
export const byConnect = ({ agent }: ClientEntry): string =>
  agent === undefined
    ? "\"holdfast connect\" does it for you."
    : "\"holdfast connect\" does it for the default agent alone."

export const mergeInto = (file: string, key: string) => (entry: ClientEntry): string => {
  const merge = `Merge into ${file}: add the ${entry.name} entry to "${key}" where there is one.`
  return entry.agent === undefined ? `${merge} Then start the client with\n${exportLine(entry)}` : merge
}
