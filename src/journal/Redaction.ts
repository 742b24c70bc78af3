/**
 * Arguments and results for a journal that is to hold them (`journal.content`): without what is a secret by its name or
 * its form, as in the logs, and of bounded length. What is secret in any other way is not known here.
 */
const maxLength = 16 * 1024

const hidden = "<redacted>"

/** A text or number under such a name, in JSON, also in JSON within a text. */
const named =
  /(\\*"[^"\\]{0,64}(?:password|passwd|secret|token|authorization|cookie|api[_-]?key|private[_-]?key|credential)[^"\\]{0,64}\\*"\s*:\s*)(\\*"(?:[^"\\]|\\[^"])*\\*"|-?\d[\d.eE+-]*)/gi

/** Bearer and basic credentials, JWTs, keys of well-known makers, PEM. */
const shaped = [
  /\b(?:bearer|basic)\s+[\w.~+/=-]{8,}/gi,
  /\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*/g,
  /\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-|AKIA|AIza)[\w-]{10,}/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g
]

export const redacted = (text: string): string => {
  const whole = shaped.reduce(
    (text, shape) => text.replaceAll(shape, hidden),
    text.slice(0, 2 * maxLength).replaceAll(named, `$1"${hidden}"`)
  )
  return text.length > 2 * maxLength || whole.length > maxLength ? `${whole.slice(0, maxLength)}…` : whole
}
