/**
 * How much agents have in one bound of the outbox, and whether one of them finds room for more: plain bookkeeping.
 *
 * A bound is everybody's until it is full. From then on an agent that has less than its share of half of it still finds
 * room, so that no agent can shut the others out. Two agents have one and a half of the bound at most, twenty less than
 * three of it.
 */

export interface Amount {
  readonly entries: number
  readonly bytes: number
}

interface Sum {
  entries: number
  bytes: number
}

const nothing = (): Sum => ({ entries: 0, bytes: 0 })

const add = (sum: Sum, { bytes, entries }: Amount, by: 1 | -1): void => {
  sum.entries += by * entries
  sum.bytes += by * bytes
}

export class Room {
  readonly #bound: Amount
  readonly #ofAgents = new Map<string, Sum>()
  readonly #all = nothing()

  constructor(bound: Amount) {
    this.#bound = bound
  }

  get bytes(): number {
    return this.#all.bytes
  }

  get agents(): ReadonlyArray<string> {
    return [...this.#ofAgents.keys()]
  }

  add(agent: string, amount: Amount): void {
    this.#change(agent, amount, 1)
  }

  take(agent: string, amount: Amount): void {
    this.#change(agent, amount, -1)
  }

  /** Whether the agent may have so much more. */
  fits(agent: string, more: Amount): boolean {
    if (this.#fitsIn(this.#all, more, 1)) return true
    const own = this.#ofAgents.get(agent)
    const agents = this.#ofAgents.size + (own === undefined ? 1 : 0)
    return this.#fitsIn(own ?? nothing(), more, 2 * agents)
  }

  #fitsIn(sum: Amount, more: Amount, part: number): boolean {
    return sum.entries + more.entries <= this.#bound.entries / part
      && sum.bytes + more.bytes <= this.#bound.bytes / part
  }

  #change(agent: string, amount: Amount, by: 1 | -1): void {
    add(this.#all, amount, by)
    let own = this.#ofAgents.get(agent)
    if (own === undefined) {
      own = nothing()
      this.#ofAgents.set(agent, own)
    }
    add(own, amount, by)
    if (own.entries <= 0) this.#ofAgents.delete(agent)
  }
}
