/**
 * Who keeps the port bound while no daemon runs: a socket unit of systemd, the daemon's supervisor
 * (`programs/supervise.ts`), or nobody. Where somebody does, agents that connect meanwhile wait in the kernel's queue for
 * the next daemon, and no other program can take the port.
 */
import { Context, Effect, Option, Schema } from "effect"
import type { Server } from "node:net"
import * as Protocol from "./SupervisorProtocol.ts"

export interface ParentProcess {
  readonly pid: number
  readonly restarts: number
  readonly lastEnd: string | null
}

export interface PortHolder {
  readonly by: "nobody" | "systemd" | "supervisor"
  /** A listening socket that this process was given. systemd does not say of which address; the socket itself does. */
  readonly socket: Option.Option<{ readonly fd: number; readonly host?: string; readonly port?: number }>
  readonly supervisor: Option.Option<ParentProcess>
  /** Gives a listening socket to be kept; in the place of an earlier one. */
  readonly hold: (server: Server, address: { readonly host: string; readonly port: number }) => void
  /** The daemon serves, but for its announcement. */
  readonly ready: Effect.Effect<void>
  /** Lets the port go: nobody is to wait for a daemon that does not come. Nothing happens once a restart is asked for. */
  readonly release: Effect.Effect<void>
  /** Has the daemon stopped cleanly and another one started. `false` where nobody would start one. */
  readonly restart: Effect.Effect<boolean>
}

const nobody: PortHolder = {
  by: "nobody",
  socket: Option.none(),
  supervisor: Option.none(),
  hold: () => {},
  ready: Effect.void,
  release: Effect.void,
  restart: Effect.succeed(false)
}

export const PortHolder = Context.Reference<PortHolder>("holdfast/supervision/PortHolder", {
  defaultValue: () => nobody
})

/** The first descriptor that systemd hands over: sd_listen_fds(3). */
const firstDescriptor = 3

/** Whether systemd gave this very process its sockets. */
export const isSocketActivated = (env: NodeJS.ProcessEnv): boolean => env["LISTEN_PID"] === String(process.pid)

export class SocketUnitUnusable extends Schema.TaggedError<SocketUnitUnusable>()("SocketUnitUnusable", {
  sockets: Schema.String
}) {
  override get message(): string {
    return `systemd handed over ${this.sockets} sockets, and Holdfast listens on one: give its socket unit one ListenStream`
  }
}

const Beginning = Schema.fromJsonString(Schema.Struct({
  restarts: Schema.Int,
  lastEnd: Schema.NullOr(Schema.String),
  socket: Schema.NullOr(Schema.Struct({ fd: Schema.Int, host: Schema.String, port: Schema.Int }))
}))

const supervised = ({ lastEnd, restarts, socket }: Protocol.Beginning): PortHolder => {
  let restarting = false
  const send = (message: Protocol.ToSupervisor, server?: Server): void => {
    if (!process.connected) return
    // Its own handle, which the other side keeps without taking connections; a `Server` would begin to take them there.
    const handle = server === undefined ? undefined : Reflect.get(server, "_handle")
    // A supervisor that is gone is noticed by the end of the channel.
    process.send?.(message, handle, undefined, () => {})
  }
  const released = Effect.callback<void>((resume) => {
    if (!process.connected) return resume(Effect.void)
    const hear = ({ tag }: Protocol.ToDaemon) => {
      if (tag === "released") resume(Effect.void)
    }
    process.on("message", hear)
    send({ tag: "release" })
    return Effect.sync(() => process.off("message", hear))
  }).pipe(Effect.timeoutOption("2 seconds"), Effect.asVoid)
  return {
    by: "supervisor",
    socket: Option.fromNullishOr(socket),
    supervisor: Option.some({ pid: process.ppid, restarts, lastEnd }),
    hold: (server, address) => send({ tag: "listening", ...address }, server),
    ready: Effect.sync(() => send({ tag: "ready" })),
    release: Effect.suspend(() => restarting ? Effect.void : released),
    restart: Effect.sync(() => {
      restarting = true
      send({ tag: "restart" })
      return process.connected
    })
  }
}

/** What is in the environment for this process alone is taken out of it. */
export const fromEnvironment = Effect.gen(function*() {
  const { env } = process
  const text = env[Protocol.variable]
  const sockets = isSocketActivated(env) ? env["LISTEN_FDS"] : undefined
  for (const name of [Protocol.variable, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete env[name]
  if (text !== undefined && process.connected) {
    return supervised(yield* Effect.orDie(Schema.decodeEffect(Beginning)(text)))
  }
  if (sockets === undefined) return nobody
  if (sockets !== "1") return yield* new SocketUnitUnusable({ sockets })
  return { ...nobody, by: "systemd" as const, socket: Option.some({ fd: firstDescriptor }) }
})
