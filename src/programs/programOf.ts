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
  "open",
  "outbox",
  "reload",
  "restart",
  "status",
  "stdio",
  "stop",
  "token",
  "tools",
  "top"
])

const sharedFlags = ["--data-dir", "--config"]

/** The command and what follows it; the flags that every command has may stand before it. */
const fromCommand = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [first = ""] = words
  if (sharedFlags.includes(first)) return fromCommand(words.slice(2))
  return sharedFlags.some((flag) => first.startsWith(`${flag}=`)) ? fromCommand(words.slice(1)) : words
}

/** `main` has every command, and alone can list them: in its help, and in completions. */
export const programOf = (words: ReadonlyArray<string>): "main" | "serve" | "client" | "gitHelper" => {
  if (helperCommand(words) !== undefined) return "gitHelper"
  const [command = "", ...others] = fromCommand(words)
  if (others.some((word) => word.startsWith("--completions"))) return "main"
  if (command === "serve") return "serve"
  return clientCommands.has(command) ? "client" : "main"
}
