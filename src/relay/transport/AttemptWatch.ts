/** What watches over an attempt, and may end it from outside; to an attempt what an `AbortSignal` is to a fetch. */
import type { RelayFailure } from "../RelayFailure.ts"

export interface AttemptWatch {
  /** The transport calls it whenever bytes of the answer's body arrive. */
  readonly heard: () => void
  /** The transport's waits fail with what `listener` is given, at once where it was ended before. One at a time. */
  readonly listen: (listener: (failure: RelayFailure) => void) => void
  readonly unlisten: (listener: (failure: RelayFailure) => void) => void
}
