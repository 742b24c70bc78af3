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

const none: Amount = { entries: 0, bytes: 0 }

const plus = (one: Amount, other: Amount, by: 1 | -1): Amount => ({
  entries: one.entries + by * other.entries,
  bytes: one.bytes + by * other.bytes
})

export class Room {
  readonly #bound: Amount
  readonly #ofAgents = new Map<string, Amount>()
  #all = none

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
    if (this.#within(plus(this.#all, more, 1), 1)) return true
    const own = this.#ofAgents.get(agent) ?? none
    const agents = this.#ofAgents.size + (own === none ? 1 : 0)
    return this.#within(plus(own, more, 1), 2 * agents)
  }

  #within({ bytes, entries }: Amount, part: number): boolean {
    return entries <= this.#bound.entries / part && bytes <= this.#bound.bytes / part
  }

  #change(agent: string, amount: Amount, by: 1 | -1): void {
    this.#all = plus(this.#all, amount, by)
    const left = plus(this.#ofAgents.get(agent) ?? none, amount, by)
    if (left.entries > 0) this.#ofAgents.set(agent, left)
    else this.#ofAgents.delete(agent)
  }
}
