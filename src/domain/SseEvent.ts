/** One event of a server-sent event stream (HTML Living Standard, section 9.2). */
export interface SseEvent {
  readonly event: string | undefined
  readonly id: string | undefined
  /** Lines joined by `\n`, as they came. */
  readonly data: string
  /** Milliseconds, where the server asked for a reconnection delay. */
  readonly retry?: number | undefined
}
