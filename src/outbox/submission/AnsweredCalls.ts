/**
 * The relay's answers to live calls that could be asked for again, for a while (BEHAVIOUR 5, "Key").
 *
 * In memory only: bounded in number, size and age, the oldest make room.
 */
import type { WireAnswer } from "../Call.ts"
import type { CallUnderWay } from "./CallUnderWay.ts"

interface AnsweredCall {
  readonly agent: string
  readonly argumentsHash: string
  readonly wireId: string
  readonly answer: WireAnswer
  /** Milliseconds. */
  readonly until: number
}

const keepMillis = 600_000
const maxCalls = 1_000
const maxCharacters = 16 * 1024 * 1024

export class AnsweredCalls {
  private readonly kept = new Map<string, AnsweredCall>()
  private characters = 0

  /** `now` in milliseconds. An answer that is larger than all that is kept together is not kept. */
  remember({ call, key, name, wire }: CallUnderWay, answer: WireAnswer, now: number): void {
    this.forget(name)
    if (answer.text.length > maxCharacters) return
    const { argumentsHash } = key
    this.kept.set(name, { agent: call.agent, argumentsHash, wireId: wire.id, answer, until: now + keepMillis })
    this.characters += answer.text.length
    for (const [oldest, { until }] of this.kept) {
      if (until > now && this.kept.size <= maxCalls && this.characters <= maxCharacters) break
      this.forget(oldest)
    }
  }

  find(name: string, now: number): AnsweredCall | undefined {
    const call = this.kept.get(name)
    return call !== undefined && call.until > now ? call : undefined
  }

  forgetAgent(agent: string): void {
    for (const [name, call] of this.kept) {
      if (call.agent === agent) this.forget(name)
    }
  }

  private forget(name: string): void {
    this.characters -= this.kept.get(name)?.answer.text.length ?? 0
    this.kept.delete(name)
  }
}
