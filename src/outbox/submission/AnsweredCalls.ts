/**
 * The relay's answers to live calls that could be asked for again, for a while (BEHAVIOUR 5, "Key").
 *
 * In memory only: bounded in number, size and age, the oldest make room.
 */
export interface AnsweredCall {
  readonly agent: string
  readonly argumentsHash: string
  readonly wireId: string
  readonly status: number
  readonly text: string
}

const keepMillis = 600_000
const mostCalls = 1_000
const mostCharacters = 16 * 1024 * 1024

export class AnsweredCalls {
  private readonly kept = new Map<string, AnsweredCall & { readonly until: number }>()
  private characters = 0

  /** `now` in milliseconds. An answer that is larger than all that is kept together is not kept. */
  remember(name: string, call: AnsweredCall, now: number): void {
    this.forget(name)
    if (call.text.length > mostCharacters) return
    this.kept.set(name, { ...call, until: now + keepMillis })
    this.characters += call.text.length
    for (const [oldest, { until }] of this.kept) {
      if (until > now && this.kept.size <= mostCalls && this.characters <= mostCharacters) break
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
    this.characters -= this.kept.get(name)?.text.length ?? 0
    this.kept.delete(name)
  }
}
