/**
 * A text that holds nothing else in memory. A piece that V8 cuts out of a text holds all of that text for as long as the
 * piece is there: of a message of 16 MiB that is gone, a cursor of 20 characters would keep 16 MiB.
 *
 * What is kept for longer than what it was cut out of, and counted by its length, goes through here.
 */

/** Shorter pieces V8 copies itself. */
const shortest = 13

export const ownText = (text: string): string => {
  if (text.length < shortest) return text
  // UTF-8 has no half of a pair.
  return text.isWellFormed() ? Buffer.from(text).toString() : Buffer.from(text, "utf16le").toString("utf16le")
}

/** `ownText` of what is less than half of `whole`; more than that may as well hold it. */
export const ownPiece = (text: string, whole: string): string => text.length * 2 < whole.length ? ownText(text) : text
