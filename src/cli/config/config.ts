import { Command } from "effect/cli"
import { claude } from "../../clients/claude.ts"
import { codex } from "../../clients/codex.ts"
import { cursor } from "../../clients/cursor.ts"
import { gemini } from "../../clients/gemini.ts"
import { json } from "../../clients/json.ts"
import { vscode } from "../../clients/vscode.ts"
import { check } from "./check.ts"
import { snippet } from "./snippet.ts"

export const config = Command.make("config").pipe(
  Command.withDescription("What to paste into an agent's configuration; or check Holdfast's own"),
  Command.withExamples([{ command: "holdfast config claude", description: "Print the entry for Claude Code" }, {
    command: "holdfast config codex --agent reviewer",
    description: "Print an entry for another agent"
  }]),
  Command.withSubcommands([
    snippet("claude", claude),
    snippet("codex", codex),
    snippet("gemini", gemini),
    snippet("cursor", cursor),
    snippet("vscode", vscode),
    snippet("json", json),
    check
  ])
)
