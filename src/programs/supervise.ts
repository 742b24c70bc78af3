/**
 * The daemon's parent, where no service manager is told to do the same: keeps the listening socket while no daemon runs,
 * and starts the daemon again when it ended by itself. It never takes a connection.
 *
 * It is a process for as long as the daemon is, so it loads nothing but what it needs, Effect neither.
 */
import type { ChildProcess } from "node:child_process"
import { constants } from "node:os"
import { self } from "../supervision/ownProgram.ts"
import {
  type Beginning,
  type HeldSocket,
  type ToDaemon,
  type ToSupervisor,
  variable
} from "../supervision/SupervisorProtocol.ts"
import { programOf } from "./programOf.ts"

/** Milliseconds before each further start of a daemon that does not live long. */
const delays = [0, 250, 500, 1000, 2000, 5000]
const healthyAfter = 60_000
/** In a row, none of which got ready. */
const maxFailedStarts = 5

/** A listening socket, as Node hands it from process to process. */
interface Handle {
  readonly fd: number
  readonly close: () => void
}

/** Behind stdin, stdout, stderr and the channel. */
const descriptor = 4

/** Whoever ends the daemon so does not want another one. */
const wanted: ReadonlyArray<NodeJS.Signals> = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"]
const secondSignal = 130

const numberOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal]

/** Whether this process is to be the parent of a daemon. */
export const supervises = (words: ReadonlyArray<string>, env: NodeJS.ProcessEnv): boolean =>
  programOf(words) === "serve" && !words.includes("--no-supervisor") && env[variable] === undefined
  // systemd holds the socket itself, and starts the daemon again.
  && env["LISTEN_PID"] !== String(process.pid)

export const supervise = (words: ReadonlyArray<string>): void => {
  // Here, since `bin.js` starts other commands too, which do without it.
  const { spawn } = process.getBuiltinModule("node:child_process")
  let held: { readonly handle: Handle; readonly socket: HeldSocket } | undefined
  let child: ChildProcess | undefined
  let startedAt = 0
  let isReady = false
  let wasReady = false
  let restartAsked = false
  let stopping = false
  let quickEnds = 0
  let failedStarts = 0
  let restarts = 0
  let lastEnd: string | null = null

  const release = () => {
    held?.handle.close()
    held = undefined
  }

  const hear = (message: ToSupervisor, handle: unknown) => {
    switch (message.tag) {
      case "listening": {
        release()
        held = { handle: handle as Handle, socket: { fd: descriptor, host: message.host, port: message.port } }
        return
      }
      case "ready": {
        isReady = true
        wasReady = true
        failedStarts = 0
        return
      }
      case "restart": {
        restartAsked = true
        send({ tag: "signal", signal: "SIGTERM" })
        return
      }
      case "release": {
        release()
        send({ tag: "released" })
      }
    }
  }

  const send = (message: ToDaemon) => {
    if (child?.connected === true) child.send(message, () => {})
  }

  const start = () => {
    startedAt = performance.now()
    isReady = false
    restartAsked = false
    const [program, ...options] = self()
    const beginning: Beginning = { restarts, lastEnd, socket: held?.socket ?? null }
    const started = spawn(program, [...options, ...words], {
      stdio: ["inherit", "inherit", "inherit", "ipc", ...held === undefined ? [] : [held.handle.fd]],
      env: { ...process.env, [variable]: JSON.stringify(beginning) }
    })
    child = started
    started.on("message", hear)
    started.once("error", (error) => ended(1, null, error.message))
    started.once("exit", (code, signal) => {
      const judge = () => ended(code, signal, signal ?? `exit code ${code}`)
      // What it said last may still be on its way.
      if (started.connected) started.once("disconnect", judge)
      else judge()
    })
  }

  const ended = (code: number | null, signal: NodeJS.Signals | null, how: string) => {
    child?.removeAllListeners()
    child = undefined
    const exitCode = signal === null ? code ?? 1 : numberOf(signal)
    if (restartAsked && code === 0 && !stopping) return start()
    // The daemon that served has ended before; what became of the start that was cut off is nobody's concern.
    if (stopping && wasReady && !isReady) return process.exit(0)
    if (stopping || code === 0 || code === secondSignal || (signal !== null && wanted.includes(signal))) {
      return process.exit(exitCode)
    }
    if (!isReady) failedStarts += 1
    if (!wasReady || failedStarts === maxFailedStarts) {
      // A daemon that ends by itself has said why.
      if (wasReady) print(`the daemon was started ${maxFailedStarts} times in a row and did not get ready (${how})`)
      else if (signal !== null) print(`the daemon was ended by ${signal} before it was ready`)
      return process.exit(exitCode)
    }
    quickEnds = performance.now() - startedAt < healthyAfter ? quickEnds + 1 : 1
    restarts += 1
    lastEnd = how
    setTimeout(() => stopping || start(), delays[Math.min(quickEnds, delays.length) - 1])
    return undefined
  }

  const onStop = (signal: NodeJS.Signals) => {
    if (child === undefined) return process.exit(0)
    if (stopping) {
      child.kill("SIGKILL")
      return process.exit(secondSignal)
    }
    stopping = true
    // It may have got the signal itself, from a terminal or a service manager: so it is told, not sent a second one.
    return send({ tag: "signal", signal })
  }

  process.on("SIGTERM", onStop)
  process.on("SIGINT", onStop)
  process.on("SIGHUP", (signal) => send({ tag: "signal", signal }))
  start()
}

const print = (text: string): void => void process.stderr.write(`holdfast: ${text}\n`)
