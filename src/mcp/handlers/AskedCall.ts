/**
 * One call of an agent without a session at a relay with sessions, over the rounds in which the relay's questions are
 * answered (MCP 2026-07-28, multi-round-trip requests): it runs on while the agent is asked, and each round of the agent
 * gets what comes first, questions or the answer.
 */
import { Effect, type Exit } from "effect"
import { createHash, randomUUID } from "node:crypto"
import * as JsonText from "../../domain/JsonText.ts"
import type * as Message from "../../domain/Message.ts"
import { ownText } from "../../domain/OwnText.ts"
import * as Questions from "../../domain/Questions.ts"
import type { RelayFailure } from "../../relay/RelayFailure.ts"
import type { ResumePoint } from "../../relay/ResumePoint.ts"
import type { OpenRelaySession } from "../../relay/session/RelaySession.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import type { StoredCall } from "../sessions/AskedCallStore.ts"
import { type Ahead, type Answer, type AskedBy, progressPrefix, type RpcError } from "./Handler.ts"

/** How it ended. */
export type Ended = Exit.Exit<Answer, RelayFailure | RpcError>

/** Questions by the keys that the agent knows, or the end. */
export type Next =
  | { readonly _tag: "Asks"; readonly questions: ReadonlyMap<string, string> }
  | { readonly _tag: "Ended"; readonly ended: Ended }

interface Open {
  /** As the relay knows it. */
  readonly id: string
  readonly from: OpenRelaySession
  /** As the agent is asked, JSON text. */
  readonly text: string
}

/** Says an answer to the relay, where that still waits for it. */
export type Reply = (text: string, to: OpenRelaySession) => void

/** Questions of one call that its agent has yet to answer, and characters of them. */
const maxOpen = 100
const maxOpenLength = 1024 * 1024
/** Of these, what is kept on disk. */
const maxKeptLength = 64 * 1024

/** What a call of a life before has kept. */
export type Before = Pick<StoredCall, "id" | "point" | "questions" | "times">

export const responseTo = (id: string, result: string): string => `{"jsonrpc":"2.0","id":${id},"result":${result}}`

export class AskedCall implements Ahead {
  readonly id: string
  /** The agent's answers so far, JSON text: what the relay asks again in another attempt is answered from here. */
  readonly given: Map<string, string>
  readonly listens: Effect.Effect<void>
  readonly #capabilities: string
  readonly #reply: Reply
  /** Has it kept, whose agent was asked before it could be. */
  readonly #keep: () => void
  readonly #open = new Map<string, Open>()
  /** Characters of what is open. */
  #openLength = 0
  readonly #rounds = new Set<() => void>()
  #ahead: Ahead | undefined
  #progressToken: string | undefined
  #ended: Ended | undefined
  #attempt: AskedBy | undefined
  /** Where the relay's answer can be read on. */
  #point: ResumePoint | undefined
  /** How often this attempt put each question. */
  #times: Map<string, number>
  wasAsked: boolean
  /** On disk, so that it may go on in another life. */
  isKept: boolean

  constructor(
    capabilities: string,
    given: ReadonlyMap<string, string>,
    reply: Reply,
    listens: Effect.Effect<void>,
    keep: () => void,
    before?: { readonly call: Before; readonly from: OpenRelaySession }
  ) {
    this.#capabilities = capabilities
    this.given = new Map(given)
    this.#reply = reply
    this.listens = listens
    this.#keep = keep
    this.id = before?.call.id ?? randomUUID()
    this.wasAsked = before !== undefined
    this.isKept = before !== undefined
    this.#point = before?.call.point
    this.#times = new Map(Object.entries(before?.call.times ?? {}))
    if (before === undefined) return
    for (const { id, key, text } of before.call.questions) {
      this.#open.set(key, { id, from: before.from, text })
      this.#openLength += text.length
    }
  }

  get isWaitedFor(): boolean {
    return this.#rounds.size > 0
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined
  }

  readonly resumable = (point: ResumePoint): void => {
    const isFirst = this.#point === undefined
    this.#point = point
    if (isFirst && this.#open.size > 0) this.#keep()
  }

  /** What is kept of it while its agent is asked; `undefined` where the relay's answer cannot be read on, or it asked too much. */
  get kept(): Before | undefined {
    if (this.#point === undefined || this.#openLength > maxKeptLength) return undefined
    return {
      id: this.id,
      point: this.#point,
      questions: [...this.#open].map(([key, { id, text }]) => ({ key, id, text })),
      times: Object.fromEntries(this.#times)
    }
  }

  /** A further round of the agent; `token` is its progress token, as it stands in the text. */
  round(ahead: Ahead, token: string | undefined): Effect.Effect<Next> {
    return Effect.callback<Next>((resume) => {
      this.#ahead = ahead
      this.#progressToken = token
      // Put together when it leaves: what the relay asks in one breath goes out together.
      const look = () => {
        if (this.#ended === undefined && this.#open.size === 0) return
        this.#rounds.delete(look)
        resume(Effect.sync(() => this.#next(this.#ended)))
      }
      this.#rounds.add(look)
      look()
      return Effect.sync(() => this.#rounds.delete(look))
    })
  }

  #next(ended: Ended | undefined): Next {
    if (ended !== undefined) return { _tag: "Ended", ended }
    return { _tag: "Asks", questions: new Map([...this.#open].map(([key, { text }]) => [key, text])) }
  }

  /** The agent's answers, JSON text by key; a key that is not open is passed over. */
  answered(answers: ReadonlyMap<string, string>): void {
    for (const [key, answer] of answers) {
      const question = this.#open.get(key)
      if (question === undefined) continue
      this.#open.delete(key)
      this.#openLength -= question.text.length
      this.given.set(key, answer)
      this.#tell(question.id, question.from, answer)
    }
  }

  end(ended: Ended): void {
    this.#ended = ended
    for (const look of this.#rounds) look()
  }

  /** Whom a new attempt asks; each attempt is another call to the relay, so one that was read on is none. */
  askedBy(): AskedBy {
    this.#times = new Map()
    this.#point = undefined
    return this.asking()
  }

  /** Whom the attempt that is under way asks. */
  asking(): AskedBy {
    // The same question may be another one the next time: they are told apart by how often this attempt put it.
    // What the agent is asked already stays open: its answer is good for this attempt, too.
    const times = this.#times
    const asked: AskedBy = ({ id, method, text }, from) => {
      if (!Questions.isAskable(method, this.#capabilities)) return false
      // The relay is told at once that nobody answers this one.
      if (this.#open.size >= maxOpen || this.#openLength + text.length > maxOpenLength) return false
      const question = ownText(Questions.asInputRequest(text))
      const name = `${method}-${digest(question)}`
      const time = (times.get(name) ?? 0) + 1
      times.set(name, time)
      const key = `${name}-${time}`
      const given = this.given.get(key)
      if (given !== undefined) {
        this.#tell(id, from, given)
        return true
      }
      this.wasAsked = true
      this.#open.set(key, { id: ownText(id), from, text: question })
      this.#openLength += question.length
      for (const look of this.#rounds) look()
      return true
    }
    this.#attempt = asked
    return asked
  }

  /** A question that came beside the call's own answer. */
  asked(question: Message.Request, from: OpenRelaySession): boolean {
    return this.#attempt?.(question, from) === true
  }

  #tell(id: string, to: OpenRelaySession, result: string): void {
    this.#reply(responseTo(id, result), to)
  }

  // What goes ahead goes to the round that waits; between the rounds nobody reads it.
  offer(data: string, supersedes?: string): boolean {
    return this.#ahead?.offer(this.#addressed(data, supersedes), supersedes) ?? true
  }

  message(data: string, supersedes?: string): Effect.Effect<void> {
    return this.#ahead?.message(this.#addressed(data, supersedes), supersedes) ?? Effect.void
  }

  /** Each round has a progress token of its own. */
  #addressed(data: string, supersedes: string | undefined): string {
    if (supersedes?.startsWith(progressPrefix) !== true || this.#progressToken === undefined) return data
    return JsonText.set(data, ["params", "progressToken"], this.#progressToken)
  }

  position() {
    return { stream: "", sequence: 0 }
  }

  relayStreams(): void {
    this.#ahead?.relayStreams()
  }

  relayPolls(): void {
    this.#ahead?.relayPolls()
  }
}

/** The calls of each session that the relay may ask about. */
export class RunningCalls {
  readonly #calls = new WeakMap<AgentSession, Set<AskedCall>>()

  #of(session: AgentSession): ReadonlySet<AskedCall> {
    return this.#calls.get(session) ?? new Set()
  }

  add(session: AgentSession, call: AskedCall): void {
    this.#calls.set(session, new Set([...this.#of(session), call]))
  }

  remove(session: AgentSession, call: AskedCall): void {
    this.#calls.get(session)?.delete(call)
  }

  has(session: AgentSession, call: AskedCall): boolean {
    return this.#of(session).has(call)
  }

  countOf(session: AgentSession): number {
    return this.#of(session).size
  }

  isRunning(session: AgentSession): boolean {
    return [...this.#of(session)].some(({ hasEnded }) => !hasEnded)
  }

  hasKept(session: AgentSession): boolean {
    return [...this.#of(session)].some(({ isKept }) => isKept)
  }

  /** A question on the relay's own stream, which names no call: it is put to the one that was begun last. */
  askedBy(session: AgentSession): AskedBy {
    return (question, from) =>
      [...this.#of(session)].findLast(({ hasEnded }) => !hasEnded)?.asked(question, from) === true
  }
}

const digest = (text: string): string => createHash("sha256").update(text).digest("base64url").slice(0, 16)
