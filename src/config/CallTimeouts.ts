/**
 * How long a call may take where `link.callTimeout` says nothing. The relay is probed beside a call that is silent, so
 * only a call of a relay that is alive lasts so long.
 */
import { Duration } from "effect"
import type { Settings } from "./Settings.ts"

interface CallTimeouts {
  /** A call whose client waits, or is gone and has its result kept: the client decides, and nothing lasts for ever. */
  readonly live: Duration.Duration
  /** A call in the outbox, behind which its lane waits. */
  readonly queued: Duration.Duration
}

export const callTimeouts = ({ link: { callTimeout } }: Pick<Settings["Service"], "link">): CallTimeouts => ({
  live: callTimeout ?? Duration.hours(24),
  queued: callTimeout ?? Duration.minutes(10)
})
