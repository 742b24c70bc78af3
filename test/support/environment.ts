/**
 * What a test, and each process that it starts, sees of the machine: a few variables by name. Home, configuration and
 * temporary files are the run's own, and are removed when it ends.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** These say how the machine is set up, not what its user prefers. */
const ofTheMachine = ["PATH", "LANG", "LC_ALL", "TZ", "NODE_EXTRA_CA_CERTS"]
/** These are the tests' and benches' own. None begins with `HOLDFAST_`, which a child would take for a setting. */
const ofTheTests = [
  "BENCH_HOLDFAST",
  "BUNDLED_HOLDFAST",
  "BUNDLED_TEST_RELAY",
  "FUZZ_KEEP",
  "KEPT_ROUNDS",
  "KEPT_SEED",
  "NODE_COMPILE_CACHE",
  "UPDATE_MATRIX"
]

const isRunner = (name: string) => name === "NODE_ENV" || name === "TEST" || name.startsWith("VITEST")

const sharedMemory = "/dev/shm"
const enough = 512 * 1024 * 1024

const hasRoom = (directory: string) => {
  if (!existsSync(directory)) return false
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize > enough
}

/** Leaves the user's environment for one of the run's own; the result removes what that one holds. */
const enterRun = (): () => void => {
  const passed = new Set([...ofTheMachine, ...ofTheTests])
  const directory = mkdtempSync(join(tmpdir(), "holdfast-run-"))
  // Named after that directory, so that what a run leaves in memory is known to be its own.
  const memory = hasRoom(sharedMemory)
    ? join(sharedMemory, `holdfast${directory.replaceAll("/", "-")}`)
    : join(directory, "memory")
  mkdirSync(memory, { mode: 0o700 })
  for (const name of Object.keys(process.env)) {
    if (!passed.has(name) && !isRunner(name)) delete process.env[name]
  }
  const home = join(directory, "home")
  mkdirSync(home)
  mkdirSync(join(directory, "tmp"))
  Object.assign(process.env, {
    TEST_RUN_DIRECTORY: directory,
    TEST_MEMORY_DIRECTORY: memory,
    TMPDIR: join(directory, "tmp"),
    HOME: home,
    XDG_CONFIG_HOME: join(home, ".config"),
    XDG_STATE_HOME: join(home, ".local", "state"),
    XDG_DATA_HOME: join(home, ".local", "share"),
    XDG_CACHE_HOME: join(home, ".cache"),
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    NO_COLOR: "1"
  })
  return () => {
    for (const each of [memory, directory]) rmSync(each, { recursive: true, force: true, maxRetries: 5 })
  }
}

const isEntered = () => process.env["TEST_RUN_DIRECTORY"] !== undefined

/**
 * Enters the run where nobody has, until this process exits. vitest's configurations call it before vitest itself looks
 * at the user's home, and each bench before it starts anything; what they start inherits it.
 */
export const ensureEntered = (): void => {
  if (!isEntered()) process.once("exit", enterRun())
}

/** The environment of a process that a test starts. */
export const childEnvironment = (more: Readonly<Record<string, string>> = {}): Record<string, string> => {
  ensureEntered()
  const inherited = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { ...Object.fromEntries(inherited.filter(([name]) => !isRunner(name))), ...more }
}

/**
 * Where files of tests lie that a process may outlive but no machine has to: in memory, where there is a file system for
 * that, since waiting for the disk is most of what they do otherwise.
 */
export const memoryDirectory = (): string => {
  ensureEntered()
  return process.env["TEST_MEMORY_DIRECTORY"] ?? tmpdir()
}
