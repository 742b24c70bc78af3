import { Command } from "effect/cli"
import { check } from "./check.ts"
import { claude } from "./claude.ts"
import { secretPlace } from "./ClientEntry.ts"
import { codex } from "./codex.ts"
import { cursor } from "./cursor.ts"
import { gemini } from "./gemini.ts"
import { json } from "./json.ts"
import { jsonSnippet, mergeInto, textSnippet } from "./snippet.ts"
import { vscode } from "./vscode.ts"

export const config = Command.make("config").pipe(
  Command.withDescription("What to paste into an agent's configuration; or check Holdfast's own"),
  Command.withSubcommands([
    textSnippet("claude", "The line for Claude Code", claude),
    textSnippet("codex", "The table for Codex", codex),
    jsonSnippet("gemini", "The entry for Gemini CLI", gemini, mergeInto("~/.gemini/settings.json", "mcpServers")),
    jsonSnippet("cursor", "The entry for Cursor", cursor, mergeInto("~/.cursor/mcp.json", "mcpServers")),
    jsonSnippet(
      "vscode",
      "The entry for VS Code",
      vscode,
      (entry) =>
        `Merge into .vscode/mcp.json: add to "servers" and "inputs". VS Code asks for the secret once; it is in ${
          secretPlace(entry)
        }`
    ),
    jsonSnippet("json", "The entry in the form that most clients share", json, mergeInto(".mcp.json", "mcpServers")),
    check
  ])
)
