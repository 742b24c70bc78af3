/** Calls that wait for their agent, each agent's share of them: how many, and the characters that they hold meanwhile. */
import type { AgentName } from "../../domain/Ids.ts"

/** Over all contexts of an agent, each of which has a bound of its own. */
const maxCalls = 2_000
export const maxLength = 16 * 1024 * 1024

interface Share {
  calls: number
  length: number
}

export class WaitingCalls {
  readonly #shares = new Map<AgentName, Share>()

  /** The place of one more call, which holds so much; `undefined` where its agent has no room for it. */
  enter(agent: AgentName, length: number): Place | undefined {
    const share = this.#shares.get(agent) ?? { calls: 0, length: 0 }
    if (share.calls >= maxCalls || share.length + length > maxLength) return undefined
    this.#shares.set(agent, share)
    share.calls++
    return new Place(share, length, () => {
      if (share.calls === 0) this.#shares.delete(agent)
    })
  }
}

export class Place {
  readonly #share: Share
  readonly #onLeft: () => void
  #length = 0
  #left = false

  constructor(share: Share, length: number, onLeft: () => void) {
    this.#share = share
    this.#onLeft = onLeft
    this.#add(length)
  }

  #add(length: number): void {
    this.#length += length
    this.#share.length += length
  }

  /** The call holds so much more from now on; `false` where there is no room, and it does not. */
  holds(length: number): boolean {
    if (this.#share.length + length > maxLength) return false
    this.#add(length)
    return true
  }

  leave(): void {
    if (this.#left) return
    this.#left = true
    this.#share.calls--
    this.#add(-this.#length)
    this.#onLeft()
  }
}
