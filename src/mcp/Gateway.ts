/** What the endpoint hands messages to: the agent's side of one relay. */
import { Context, type Effect, type Option } from "effect"
import type { AgentName } from "../domain/Ids.ts"
import type { Batch, Message } from "../domain/Message.ts"
import type { Era } from "../domain/ProtocolVersion.ts"
import type { AnswerStream } from "./streams/AnswerStream.ts"
import type { EventLog } from "./streams/EventLog.ts"

export interface AgentPost {
  readonly agent: AgentName
  /** The `Mcp-Session-Id` header, as it came. */
  readonly session: string | undefined
  readonly message: Message | Batch
  /** The agent's headers that may pass to the relay, lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Of the modern era there are only requests and notifications. */
  readonly era: Era
  /** The `MCP-Protocol-Version` header. */
  readonly protocolVersion: string | undefined
}

export type PostReply =
  /** 202, empty. */
  | { readonly _tag: "Accepted" }
  /** Said at once: our own answers and errors. */
  | {
    readonly _tag: "Said"
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    readonly text: string
  }
  | { readonly _tag: "UnderWay"; readonly answer: AnswerStream }

export type StreamReply =
  | { readonly _tag: "Open"; readonly log: EventLog; readonly after: number }
  | { readonly _tag: "Said"; readonly status: number; readonly text: string }

/** One for each relay. */
export class Gateway extends Context.Service<Gateway, {
  readonly post: (post: AgentPost) => Effect.Effect<PostReply>
  /** GET: the session's own stream, or with `Last-Event-ID` the one that it names. Live while the scope is open. */
  readonly stream: (options: {
    readonly agent: AgentName
    readonly session: string | undefined
    readonly lastEventId: string | undefined
  }) => Effect.Effect<StreamReply>
  /** The agent's connection to the stream that `stream` opened has closed. */
  readonly closed: (log: EventLog) => Effect.Effect<void>
  /** DELETE: whether there was such a session. */
  readonly end: (agent: AgentName, session: string) => Effect.Effect<boolean>
}>()("holdfast/mcp/Gateway") {}

/** `/mcp` is the relay `default`, `/mcp/<name>` any other; `None` where none is called that. */
export class Gateways extends Context.Service<Gateways, {
  readonly find: (name: string) => Effect.Effect<Option.Option<Gateway["Service"]>>
}>()("holdfast/mcp/Gateways") {}
