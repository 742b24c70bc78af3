/** A relay, the bare pass-through and Holdfast in front of it, and callers of both. */
import { type Caller, openCallers, place, type Prepared, type Target } from "./Caller.ts"
import type { Reply } from "./Connection.ts"
import { type Daemon, startDaemon } from "./Daemon.ts"
import { type Process, startProgram } from "./Process.ts"
import { type EchoTool, textOf } from "./processes/CannedTools.ts"

export type RelayKind = "stubRelay" | "officialRelay"

export interface Rig extends AsyncDisposable {
  readonly relay: Process
  readonly relayUrl: URL
  readonly bare: { readonly process: Process; readonly target: Target }
  readonly holdfast: { readonly process: Process; readonly target: Target }
  readonly daemon: Daemon
}

export interface RigOptions {
  readonly relay?: RelayKind
  readonly relayArguments?: ReadonlyArray<string>
  readonly settings?: object
}

export const startRig = async (options: RigOptions = {}): Promise<Rig> => {
  await using stack = new AsyncDisposableStack()
  const relay = await startProgram(options.relay ?? "stubRelay", options.relayArguments)
  stack.use(relay.process)
  const bare = await startProgram("barePassThrough", [relay.url.href])
  stack.use(bare.process)
  const daemon = stack.use(
    await startDaemon({ relay: relay.url, ...(options.settings === undefined ? {} : { settings: options.settings }) })
  )
  const running = stack.move()
  return {
    relay: relay.process,
    relayUrl: relay.url,
    bare: { process: bare.process, target: { name: "bare", url: bare.url, headers: {} } },
    holdfast: { process: daemon.process, target: { name: "holdfast", url: daemon.url, headers: daemon.headers } },
    daemon,
    [Symbol.asyncDispose]: () => running.disposeAsync()
  }
}

export type Call = () => Promise<Reply>

export const repeat = (caller: Caller, prepared: Prepared): Call => () => caller.call(prepared)

/** Callers of one of the echo tools. */
export const echo = async (target: Target, tool: EchoTool, count: number): Promise<ReadonlyArray<Call>> =>
  (await openCallers(target, count)).map((caller) =>
    repeat(caller, caller.prepare("tools/call", { name: tool, arguments: { text: textOf(tool) } }, textOf(tool)))
  )

/** Callers of the tool that may be queued, each with a lane of its own, where lanes are by `to`. */
export const messages = async (
  target: Target,
  count: number,
  expected: string,
  { lanes = count, prefix = "message" }: { readonly lanes?: number; readonly prefix?: string } = {}
): Promise<ReadonlyArray<Call>> =>
  (await openCallers(target, count)).map((caller, index) =>
    repeat(
      caller,
      caller.prepare("tools/call", {
        name: "relay_send_message",
        arguments: { to: `lane ${index % lanes}`, text: `${prefix}-${index} ${place} ${textOf("small")}` }
      }, expected)
    )
  )
