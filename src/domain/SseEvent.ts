/** One event of a server-sent event stream, and its encoding (HTML Living Standard, section 9.2). */
export interface SseEvent {
  readonly event: string | undefined
  /** The event's own id; an id of an earlier event is not carried over. */
  readonly id: string | undefined
  /** Lines joined by `\n`, as they came. Empty where the block only carried an id or a delay. */
  readonly data: string
  /** Milliseconds, where the server asked for a reconnection delay. */
  readonly retry?: number | undefined
}

const lineBreak = /\r\n|\r|\n/

/** The standard's way to find one character is many times quicker than the expression. */
export const isOneLine = (data: string): boolean => !data.includes("\n") && !data.includes("\r")

/** Encodes the event; `event` and `id` must have no line break. */
export const encode = (event: SseEvent): string => {
  let text = ""
  if (event.event !== undefined) text += `event: ${event.event}\n`
  if (event.id !== undefined) text += `id: ${event.id}\n`
  if (event.retry !== undefined) text += `retry: ${event.retry}\n`
  // JSON is nearly always a single line.
  const data = isOneLine(event.data) ? event.data : event.data.split(lineBreak).join("\ndata: ")
  return `${text}data: ${data}\n\n`
}

/**
 * Encodes a line that readers ignore. It opens a stream and keeps it from looking dead. `text` must have no line break.
 */
export const comment = (text: string): string => `: ${text}\n\n`
