/** Holds writes before or after their commit, so that a test can kill the relay at exactly that point. */

export type WritePoint = "before commit" | "after commit"

export class WriteGate {
  readonly #holding = new Map<WritePoint, Array<() => void>>()
  readonly #deadly = new Set<WritePoint>()
  readonly #watchers = new Set<() => void>()

  hold(point: WritePoint): void {
    if (!this.#holding.has(point)) this.#holding.set(point, [])
  }

  release(point: WritePoint): void {
    const held = this.#holding.get(point) ?? []
    this.#holding.delete(point)
    for (const go of held) go()
  }

  /** The next write that gets to `point` kills the process, as SIGKILL does. */
  dieAt(point: WritePoint): void {
    this.#deadly.add(point)
  }

  async pass(point: WritePoint): Promise<void> {
    if (this.#deadly.has(point)) {
      process.kill(process.pid, "SIGKILL")
      await new Promise(() => {})
    }
    const held = this.#holding.get(point)
    if (held === undefined) return
    await new Promise<void>((go) => {
      held.push(go)
      for (const look of this.#watchers) look()
    })
  }

  /** Resolves once at least `count` writes are held at `point`. */
  awaitHeld(point: WritePoint, count: number): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if ((this.#holding.get(point)?.length ?? 0) < count) return
        this.#watchers.delete(look)
        resolve()
      }
      this.#watchers.add(look)
      look()
    })
  }
}
