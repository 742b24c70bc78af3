/** Which call of a client's own one is, by the id that the client gives it: the same one made again is known by that. */
import { hash } from "node:crypto"
import * as JsonText from "../../domain/JsonText.ts"
import { hashOfArguments } from "../../outbox/submission/IdempotencyKey.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"

/** An id this long names its call in whichever session it is made again; a short one may be a counter. */
const uniqueLength = 16

export class CallIdentity {
  readonly #session: AgentSession
  readonly #tool: string
  readonly #clientsId: string
  readonly #text: string
  #givenArguments: string | undefined

  /** `text` is the whole request. */
  constructor(session: AgentSession, tool: string, clientsId: string, text: string) {
    this.#session = session
    this.#tool = tool
    this.#clientsId = clientsId
    this.#text = text
  }

  /** Whether another call is the same one again. */
  isSameAs(other: CallIdentity): boolean {
    return this.#session.agent === other.#session.agent && this.#tool === other.#tool
      && this.#clientsId === other.#clientsId
      && (this.#isUnique || this.#session.id === other.#session.id)
      && (this.#arguments === other.#arguments ||
        hashOfArguments(this.#arguments) === hashOfArguments(other.#arguments))
  }

  /** What names the same call made again, of one agent. */
  get name(): string {
    const scope = this.#isUnique ? "" : this.#session.id
    const parts = [scope, this.#tool, this.#clientsId, hashOfArguments(this.#arguments)]
    return hash("sha256", JSON.stringify(parts)).slice(0, 40)
  }

  get #isUnique(): boolean {
    return this.#clientsId.length >= uniqueLength
  }

  get #arguments(): string {
    return this.#givenArguments ??= JsonText.at(this.#text, ["params", "arguments"]) ?? "{}"
  }
}
