/**
 * What the stdio bridge holds for its one client: the session at the daemon, opened again where the daemon lost it, and
 * the ways to say something in it.
 */
import { Effect, Semaphore } from "effect"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import { ParamHeaders } from "../../relay/session/ParamHeaders.ts"
import { again, type Answer, exchange, LegBroken } from "./DaemonLeg.ts"

export interface BridgeOptions {
  /** Where the daemon listens now; starts one where none runs. */
  readonly endpoint: Effect.Effect<string, LegBroken>
  readonly secret: string
  /** One line, without its end. */
  readonly write: (line: string) => Effect.Effect<void>
}

type Headers = Readonly<Record<string, string>>

/** Sent until it was taken; again also where it was taken, if it only reads. */
export const taken = (attempt: Effect.Effect<Answer, LegBroken>, repeatable: boolean) =>
  Effect.retry(attempt, { schedule: again, while: ({ isFinal, sent }) => isFinal !== true && (!sent || repeatable) })

/** Mutable, owned by its bridge. */
export class BridgeSession {
  /** The headers of every request. */
  readonly base: Headers
  /** Which parameters the tools that were listed want mirrored. */
  readonly params = new ParamHeaders()
  id: string | undefined
  private initialize: string | undefined
  private version: string | undefined
  private readonly opening = Semaphore.makeUnsafe(1)
  private readonly options: BridgeOptions

  constructor(options: BridgeOptions) {
    this.options = options
    this.base = { authorization: `Bearer ${options.secret}`, accept: "application/json, text/event-stream" }
  }

  get headers(): Headers {
    return {
      ...this.base,
      ...(this.id === undefined ? {} : { "mcp-session-id": this.id }),
      ...(this.version === undefined ? {} : { "mcp-protocol-version": this.version })
    }
  }

  /** Line breaks between tokens go, since on this side they end a message. */
  line(text: string): Effect.Effect<void> {
    return this.options.write(text.replace(/[\r\n]+/g, " "))
  }

  replyError(id: string, error: JsonRpcError.JsonRpcError): Effect.Effect<void> {
    return this.line(JsonRpcError.text(id, error))
  }

  /** One attempt, at wherever the daemon is now. */
  send(method: "POST" | "GET" | "DELETE", headers: Headers, body?: string): Effect.Effect<Answer, LegBroken> {
    return Effect.flatMap(
      this.options.endpoint,
      (url) => exchange(url, method, { ...headers, "content-type": "application/json" }, body)
    )
  }

  /** The daemon answered the client's `initialize` with a session. */
  begun(initialize: string, id: string, answer: string): void {
    this.initialize = initialize
    this.id = id
    const negotiated: unknown = JSON.parse(JsonText.at(answer, ["result", "protocolVersion"]) ?? "null")
    this.version = typeof negotiated === "string" ? negotiated : undefined
  }

  /** A session in the place of one that the daemon has forgotten; whether there was one to replace. */
  get reopened(): Effect.Effect<boolean, LegBroken> {
    const { initialize } = this
    if (initialize === undefined) return Effect.succeed(false)
    return Effect.gen({ self: this }, function*() {
      const answer = yield* taken(Effect.suspend(() => this.send("POST", this.base, initialize)), true)
      const text = yield* answer.text
      if (answer.session === null) return yield* new LegBroken({ sent: true, detail: text })
      this.id = answer.session
      yield* Effect.ignore(this.send("POST", this.headers, `{"jsonrpc":"2.0","method":"notifications/initialized"}`))
      return true
    }).pipe(Semaphore.withPermit(this.opening))
  }
}
