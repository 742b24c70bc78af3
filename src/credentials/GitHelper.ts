/**
 * git's credential helper: `get`, `store` and `erase`, with git's request on standard input (gitcredentials(7)).
 *
 * git waits for it at each push, so it loads Node's own modules and nothing else. It sends the admin secret to a daemon
 * that is proven, as every command does. Whatever fails, it prints nothing and ends with 0, so that git goes on to its
 * next helper.
 */
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { addAbortSignal } from "node:stream"
import { setTimeout } from "node:timers/promises"
import { oneLine } from "../observability/ScreenText.ts"
import { isStartedAgain, proveDaemon } from "../storage/DaemonProof.ts"
import { format, parse } from "./GitCredential.ts"
import type { HelperCommand, Operation } from "./HelperCommand.ts"

/** An `import` would read each name that it exports, and for one of them Node loads an HTTP client of its own: 30 ms. */
const { request } = process.getBuiltinModule("node:http")

const debugging = ({ GH_CREDENTIAL_DEBUG, HOLDFAST_DEBUG = "" }: NodeJS.ProcessEnv): boolean =>
  GH_CREDENTIAL_DEBUG === "1" || HOLDFAST_DEBUG.split(",").includes("credential")

/** Prints a step on standard error, where `HOLDFAST_DEBUG=credential` or `GH_CREDENTIAL_DEBUG=1` asks for it. */
export const explain = (step: string): void => {
  if (debugging(process.env)) process.stderr.write(`holdfast credential: ${oneLine(step)}\n`)
}

/** Git writes up to an empty line, or to the end of the input. */
const readInput = async (signal: AbortSignal): Promise<string> => {
  let text = ""
  for await (const chunk of addAbortSignal(signal, process.stdin)) {
    text += String(chunk)
    if (/\r?\n\r?\n/.test(text)) break
  }
  process.stdin.destroy()
  return text
}

/** Git waits for the helper; the helper ends within this time of its start, in milliseconds. */
const timeout = 4800
const minTimeout = 500

interface Daemon {
  readonly url: string
  readonly secret: string
}

/** Waits for one that its supervisor starts again, as long as the signal allows. */
const daemonOf = async (dataDir: string, signal: AbortSignal): Promise<Daemon> => {
  let daemon = proveDaemon(dataDir)
  while ("reason" in daemon && isStartedAgain(dataDir, daemon)) {
    await setTimeout(50, undefined, { signal })
    daemon = proveDaemon(dataDir)
  }
  if ("reason" in daemon) throw new Error(`no daemon of ours runs on ${dataDir}: ${daemon.found}`)
  return { url: daemon.url, secret: readFileSync(join(dataDir, "admin-secret"), "utf8").trim() }
}

interface Reply {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

const objectOf = (text: string): Reply["body"] => {
  const value: unknown = text === "" ? {} : JSON.parse(text)
  return typeof value === "object" && value !== null ? { ...value } : {}
}

/** A path of the admin API (`src/admin/AdminApi.ts`). */
const post = ({ secret, url }: Daemon, path: string, payload: object, signal: AbortSignal): Promise<Reply> =>
  new Promise((done, fail) => {
    const headers = { authorization: `Bearer ${secret}`, "content-type": "application/json" }
    request(new URL(path, url), { method: "POST", headers, agent: false, signal }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => text += chunk)
      response.on("error", fail)
      response.on("end", () => {
        try {
          done({ status: response.statusCode ?? 0, body: objectOf(text) })
        } catch {
          fail(new Error(`the daemon at ${url} answers as another version does; restart it with this version`))
        }
      })
    }).on("error", fail).end(JSON.stringify(payload))
  })

const asked = async (daemon: Daemon, path: string, payload: object, signal: AbortSignal): Promise<Reply["body"]> => {
  const { body, status } = await post(daemon, path, payload, signal)
  if (status < 300) return body
  throw new Error(typeof body["message"] === "string" ? body["message"] : `the daemon answers with HTTP ${status}`)
}

const get = async (dataDir: string, signal: AbortSignal): Promise<void> => {
  const { host, protocol, username } = parse(await readInput(signal))
  if (host === undefined || protocol === undefined) return explain("git names no host")
  explain(`git asks for ${protocol}://${host}${username === undefined ? "" : ` as ${username}`}`)
  const found = await asked(
    await daemonOf(dataDir, signal),
    "/api/credentials/get",
    { protocol, host, username },
    signal
  )
  const { expiresAt, name, password, username: user } = found
  if (typeof user !== "string" || typeof password !== "string") return explain("the daemon answers without a password")
  const ends = typeof expiresAt === "string" ? Date.parse(expiresAt) : undefined
  const text = format({ protocol, host, username: user, password, expiresAt: ends })
  if (text === undefined) return explain("the credential holds what git's protocol cannot carry")
  explain(
    `credential "${name}" answers, as ${user}, ${ends === undefined ? "with no known end" : `until ${expiresAt}`}`
  )
  await new Promise<void>((written) => process.stdout.write(text, () => written()))
}

const erase = async (dataDir: string, signal: AbortSignal): Promise<void> => {
  const { host, password, protocol, username } = parse(await readInput(signal))
  if (host === undefined || protocol === undefined) return
  explain(`${protocol}://${host} refused it: the next get asks for another`)
  await asked(await daemonOf(dataDir, signal), "/api/credentials/erase", { protocol, host, username, password }, signal)
}

/** Reads git's input, or git would see a broken pipe. */
const store = async (_: string, signal: AbortSignal): Promise<void> => {
  await readInput(signal)
  explain("nothing is stored: a short-lived secret is fetched again")
}

const helpers: Readonly<Record<Operation, (dataDir: string, signal: AbortSignal) => Promise<void>>> = {
  get,
  store,
  erase
}

/** Answers git; never fails. */
export const answerGit = async ({ dataDir, operation }: HelperCommand): Promise<void> => {
  const signal = AbortSignal.timeout(Math.max(timeout - Math.ceil(performance.now()), minTimeout))
  try {
    await helpers[operation](resolve(dataDir), signal)
  } catch (error) {
    explain(
      signal.aborted
        ? "no answer in time; git goes on without us"
        : `no answer: ${error instanceof Error ? error.message : String(error)}`
    )
  }
}
