/** A test's hands on a running relay. Each is done once the relay has obeyed; a dead relay is a defect. */
import { Effect } from "effect"
import type { ChildProcess } from "node:child_process"
import type { Answer, AnswerMatch } from "./Answer.ts"
import type { RelayCommand, RelayCounts, RelayReply } from "./RelayCommand.ts"
import type { TokenGrant } from "./RelayConfig.ts"
import type { ToolDefinition } from "./RelayTools.ts"
import type { WritePoint } from "./WriteGate.ts"

export interface RelayControl {
  /** Writes wait at `point` until it is released; answers go on. */
  readonly hold: (point: WritePoint) => Effect.Effect<void>
  readonly release: (point: WritePoint) => Effect.Effect<void>
  /** Done once `count` writes (1, without) are held at `point`. */
  readonly awaitHeld: (point: WritePoint, count?: number) => Effect.Effect<void>
  /** The next write that gets to `point` kills the relay. */
  readonly dieAt: (point: WritePoint) => Effect.Effect<void>
  /** `undefined`: nobody is asked for one. */
  readonly setTokens: (tokens: Readonly<Record<string, TokenGrant>> | undefined) => Effect.Effect<void>
  /** The relay forgets its sessions and closes their streams. */
  readonly dropSessions: Effect.Effect<void>
  /** The next `count` matching requests are answered so; several such orders are taken first come, first served. */
  readonly answerNext: (count: number, answer: Answer, match?: AnswerMatch) => Effect.Effect<void>
  readonly answerAsUsual: Effect.Effect<void>
  /** Adds or replaces a tool and announces it, unless told not to. */
  readonly putTool: (tool: ToolDefinition, announce?: boolean) => Effect.Effect<void>
  readonly removeTool: (name: string, announce?: boolean) => Effect.Effect<void>
  readonly resourceUpdated: (uri: string) => Effect.Effect<void>
  /** A notification on the stream of every legacy session that has one; of lists, to modern listeners, too. */
  readonly notify: (method: string, params?: Readonly<Record<string, unknown>>) => Effect.Effect<void>
  /** Lets a `stepwise` call send its next progress notification. */
  readonly step: Effect.Effect<void>
  readonly counts: Effect.Effect<RelayCounts>
}

let lastId = 0

export const relayControl = (child: () => ChildProcess): RelayControl => {
  const ask = (command: RelayCommand): Effect.Effect<RelayCounts | undefined> =>
    Effect.callback((resume) => {
      const relay = child()
      const id = ++lastId
      const settle = (outcome: Effect.Effect<RelayCounts | undefined>) => {
        relay.off("message", onMessage).off("exit", onExit)
        resume(outcome)
      }
      const onExit = () => settle(Effect.die(new Error(`the relay is not running: ${command._tag}`)))
      const onMessage = (reply: RelayReply) => {
        if (reply.id !== id) return
        settle(reply.error === undefined ? Effect.succeed(reply.value) : Effect.die(new Error(reply.error)))
      }
      if (!relay.connected) return onExit()
      relay.on("message", onMessage).on("exit", onExit)
      relay.send({ id, command })
    })
  const send = (command: RelayCommand) => Effect.asVoid(ask(command))

  return {
    hold: (point) => send({ _tag: "Hold", point }),
    release: (point) => send({ _tag: "Release", point }),
    awaitHeld: (point, count = 1) => send({ _tag: "AwaitHeld", point, count }),
    dieAt: (point) => send({ _tag: "DieAt", point }),
    setTokens: (tokens) => send({ _tag: "SetTokens", tokens }),
    dropSessions: send({ _tag: "DropSessions" }),
    answerNext: (count, answer, match = {}) => send({ _tag: "AnswerNext", count, answer, match }),
    answerAsUsual: send({ _tag: "AnswerAsUsual" }),
    putTool: (tool, announce = true) => send({ _tag: "PutTool", tool, announce }),
    removeTool: (name, announce = true) => send({ _tag: "RemoveTool", name, announce }),
    resourceUpdated: (uri) => send({ _tag: "ResourceUpdated", uri }),
    notify: (method, params = {}) => send({ _tag: "Notify", method, params }),
    step: send({ _tag: "Step" }),
    counts: Effect.map(ask({ _tag: "Counts" }), (counts) => counts ?? { sessions: 0, streams: 0, inFlight: 0 })
  }
}
