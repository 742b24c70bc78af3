/** Which of the programs beside `bin.js` runs a command line. */
import { helperCommand } from "../credentials/HelperCommand.ts"

/** What agents, git and people start many times a day: without what only the daemon needs. */
export const clientCommands: ReadonlySet<string> = new Set([
  "agents",
  "context",
  "credential",
  "exec",
  "gh",
  "headers",
  "health",
  "logs",
  "outbox",
  "reload",
  "status",
  "stdio",
  "stop",
  "token",
  "tools"
])

/** `main` has every command, and alone can list them: in its help, and in completions. */
export const programOf = (words: ReadonlyArray<string>): "main" | "serve" | "client" | "gitHelper" => {
  if (helperCommand(words) !== undefined) return "gitHelper"
  const [command = "", ...others] = words
  if (others.some((word) => word.startsWith("--completions"))) return "main"
  if (command === "serve") return "serve"
  return clientCommands.has(command) ? "client" : "main"
}
