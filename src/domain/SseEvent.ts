/** One event of a server-sent event stream, and how it is written (HTML Living Standard, section 9.2). */
export interface SseEvent {
  readonly event: string | undefined
  /** As this event named it; ids of earlier events are not carried over. */
  readonly id: string | undefined
  /** Lines joined by `\n`, as they came. Empty where the block only carried an id or a delay. */
  readonly data: string
  /** Milliseconds, where the server asked for a reconnection delay. */
  readonly retry?: number | undefined
}

const lineBreak = /\r\n|\r|\n/

/** The event as it goes over the wire; `event` and `id` must be free of line breaks. */
export const encode = (event: SseEvent): string => {
  let text = ""
  if (event.event !== undefined) text += `event: ${event.event}\n`
  if (event.id !== undefined) text += `id: ${event.id}\n`
  if (event.retry !== undefined) text += `retry: ${event.retry}\n`
  // JSON is nearly always a single line.
  const data = lineBreak.test(event.data) ? event.data.split(lineBreak).join("\ndata: ") : event.data
  return `${text}data: ${data}\n\n`
}

/** A line that readers ignore: it opens a stream and keeps it from looking dead. `text` must be free of line breaks. */
export const comment = (text: string): string => `: ${text}\n\n`
