/** How many attempts may be under way after an outage: one, doubling each second (BEHAVIOUR 5, "Delivery"). */
import type { LinkState } from "../../relay/link/RelayLink.ts"

const step = 1_000

export const workersAt = (link: LinkState, now: number, most: number): number =>
  link._tag === "Down" ? 0 : Math.min(most, 2 ** Math.max(0, Math.floor((now - link.since) / step)))

/** When there may be more of them; never, once there are as many as there will be. */
export const nextStepAt = (link: LinkState, now: number, most: number): number =>
  link._tag === "Down" || workersAt(link, now, most) >= most
    ? Infinity
    : link.since + (Math.max(0, Math.floor((now - link.since) / step)) + 1) * step
