/**
 * Log messages of a relay with sessions for an agent without: the agent says with each request from which level on it
 * wants them, and gets none where it does not (MCP 2026-07-28, server/utilities/logging).
 */
import * as Envelope from "./Envelope.ts"
import * as JsonText from "./JsonText.ts"

/** As texts of JSON, least severe first (RFC 5424). */
const levels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"].map((level) =>
  JSON.stringify(level)
)

const method = `"notifications/message"`

/** Whether a message that comes with the answer to `request` is one that its agent gets; only log messages are held back. */
export const asked = (request: string): (message: string) => boolean => {
  const level = JsonText.at(request, ["params", "_meta", Envelope.logLevel])
  const minIndex = level === undefined ? -1 : levels.indexOf(level)
  return (message) => {
    if (!message.includes(method) || JsonText.at(message, ["method"]) !== method) return true
    return minIndex >= 0 && levels.indexOf(JsonText.at(message, ["params", "level"]) ?? "") >= minIndex
  }
}
