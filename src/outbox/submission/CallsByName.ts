/**
 * A map of calls that come and go. V8 gives a `Map` a new table now and then, and the old one, dead in the old
 * generation, keeps its last members until the next full collection: half of all calls lived that long, and each
 * collection of young objects copied them. So the tables hold slots, and a slot lets go of its call.
 */
export class CallsByName<A extends object> {
  readonly #slots = new Map<string, { call: A | undefined }>()

  get(name: string): A | undefined {
    return this.#slots.get(name)?.call
  }

  set(name: string, call: A): void {
    this.delete(name)
    this.#slots.set(name, { call })
  }

  delete(name: string): void {
    const slot = this.#slots.get(name)
    if (slot === undefined) return
    slot.call = undefined
    this.#slots.delete(name)
  }

  all(): ReadonlyArray<A> {
    return [...this.#slots.values()].flatMap(({ call }) => call ?? [])
  }
}
