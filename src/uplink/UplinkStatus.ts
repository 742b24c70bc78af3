/** How each uplink is, for the admin API; those of the configuration, in its order. */
import { Context } from "effect"

/** `ready`: the plane takes what comes. `held`: somebody has to do something. `off`: the plane does not know it. */
export type FlowState = "connecting" | "ready" | "waiting" | "held" | "off"

export interface Flow {
  readonly state: FlowState
  /** When that began, in milliseconds since the epoch. */
  readonly since: number
  /** In the plane's words, while it waits, is held or off. */
  readonly why: string | undefined
}

export interface UplinkStatus {
  readonly name: string
  readonly url: string
  readonly session: string
  readonly push: Flow & { readonly pushed: number; readonly skipped: number }
  readonly watch: Flow & { readonly watched: number }
  /** By agent. */
  readonly inboxes: ReadonlyArray<Flow & { readonly agent: string }>
  /** Names of the credentials that the plane has pushed since the start. */
  readonly credentials: ReadonlyArray<string>
}

export class UplinkStatusTable {
  readonly #readers = new Map<string, () => UplinkStatus>()

  put(name: string, read: () => UplinkStatus): void {
    this.#readers.set(name, read)
  }

  get all(): ReadonlyArray<UplinkStatus> {
    return [...this.#readers.values()].map((read) => read())
  }
}

/** One for each daemon. */
export const UplinkStates = Context.Reference<UplinkStatusTable>("holdfast/uplink/UplinkStates", {
  defaultValue: () => new UplinkStatusTable()
})
