/** The process that answers; filled by the runner when it listens. */
import { Context } from "effect"

export class Daemon extends Context.Service<Daemon, {
  readonly version: string
  readonly pid: number
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** The endpoint that agents connect to. */
  readonly url: string
}>()("holdfast/admin/Daemon") {}
