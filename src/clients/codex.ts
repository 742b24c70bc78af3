/**
 * Codex. An entry with a URL takes its secret from the environment alone, or has it in the file; so a command is
 * registered, which needs neither. Codex passes few variables on to what it starts, so the entry says all.
 */
import { Option, Result } from "effect"
import { readFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import type { Client } from "./Client.ts"
import { type ClientEntry, stdioCommand } from "./ClientEntry.ts"
import { type Inject, secretVariable, type Server } from "./Injection.ts"
import * as Toml from "./tomlTables.ts"

const file = (env: Readonly<Record<string, string | undefined>>) =>
  join(env["CODEX_HOME"] || join(homedir(), ".codex"), "config.toml")

const path = (name: string) => ["mcp_servers", name]

/** TOML's basic strings take what JSON's do. */
const table = (entry: ClientEntry, eol: string): string => {
  const { args, command } = stdioCommand(entry)
  return [
    `[mcp_servers.${entry.name}]`,
    `command = ${JSON.stringify(command)}`,
    `args = [${args.map((word) => JSON.stringify(word)).join(", ")}]`,
    ""
  ].join(eol)
}

const eolOf = (text: string) => text.includes("\r\n") ? "\r\n" : "\n"

const remove = (text: string, name: string): string =>
  Toml.tableRanges(text, path(name)).toReversed().reduce((text, { end, start }) => {
    // The empty line that stands before it came with it.
    const before = text.slice(0, start).replace(/((?:^|\r?\n))\r?\n$/, "$1")
    return before + text.slice(end)
  }, text)

const put = (text: string, entry: ClientEntry): Result.Result<string, string> => {
  if (Toml.isWrittenInline(text, path(entry.name))) {
    return Result.fail(`mcp_servers.${entry.name} is not a table of its own, [mcp_servers.${entry.name}]`)
  }
  if (holds(text, entry)) return Result.succeed(text)
  const eol = eolOf(text)
  const without = remove(text, entry.name)
  const gap = without === "" ? "" : without.endsWith("\n") ? eol : eol + eol
  return Result.succeed(without + gap + table(entry, eol))
}

const holds = (text: string, entry: ClientEntry): boolean => {
  const [range, another] = Toml.tableRanges(text, path(entry.name))
  if (range === undefined || another !== undefined) return false
  return text.slice(range.start, range.end).replace(/\r?\n$/, "") === table(entry, eolOf(text)).replace(/\r?\n$/, "")
}

/** Whether the user's own file makes the server a command; to such a one a URL cannot be given for one run. */
const isCommand = (text: string, name: string): boolean =>
  Toml.tableRanges(text, path(name)).some(({ end, start }) => /^\s*command\s*=/m.test(text.slice(start, end)))

const config = (name: string, key: string, value: string) => ["-c", `mcp_servers.${name}.${key}=${value}`]

const own = (): string =>
  Option.getOrElse(Option.liftThrowable(() => readFileSync(file(process.env), "utf8"))(), () => "")

/** Values are TOML; without the feature Codex ignores list_changed. */
const inject: Inject = (servers) => {
  const text = own()
  const variable = JSON.stringify(secretVariable)
  const told = ({ name, stdio: { args, command }, url }: Server) =>
    isCommand(text, name)
      ? [
        ...config(name, "command", JSON.stringify(command)),
        ...config(name, "args", JSON.stringify(args)),
        ...config(name, "env_vars", `[${variable}]`)
      ]
      : [...config(name, "url", JSON.stringify(url)), ...config(name, "bearer_token_env_var", variable)]
  return { args: [...servers.flatMap(told), "--enable", "mcp_tool_list_changed"], entries: [], obeysListChanged: true }
}

export const codex: Client = {
  title: "Codex",
  snippet: (entry) => ({
    text: table(entry, "\n").trimEnd(),
    note:
      "Add to ~/.codex/config.toml; other [mcp_servers.…] tables stay as they are. \"holdfast connect\" does it for you."
  }),
  inject: { codex: inject },
  registration: { command: "codex", file, put, remove, holds, way: "stdio" }
}
