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
import { type ClientFile, collected, remote } from "./RemoteServers.ts"
import * as Toml from "./tomlTables.ts"

// Codex's `config.toml`, as far as its remote servers go: tables `[mcp_servers.name]` whose values stand on one line
// each. A server that is written in another way stays as it is.

const header = /^\s*\[\s*mcp_servers\s*\.\s*(?:"([^"]+)"|([\w-]+))\s*\]\s*(?:#.*)?$/
const pair = /^\s*(url|bearer_token_env_var|http_headers|env_http_headers)\s*=\s*(.+?)\s*$/
const basic = /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/
const inline = /^\{\s*((?:"?[\w-]+"?\s*=\s*"[^"\\]*"\s*,?\s*)*)\}\s*(?:#.*)?$/

interface Table {
  readonly name: string
  readonly lines: ReadonlyArray<{ readonly index: number; readonly key: string; readonly value: string }>
}

const tablesIn = (lines: ReadonlyArray<string>): ReadonlyArray<Table> => {
  const tables: Array<{ name: string; lines: Array<Table["lines"][number]> }> = []
  let current: typeof tables[number] | undefined
  lines.forEach((line, index) => {
    const start = header.exec(line)
    if (start !== null) {
      current = { name: start[1] ?? start[2] ?? "", lines: [] }
      tables.push(current)
    } else if (/^\s*\[/.test(line)) current = undefined
    const found = pair.exec(line)
    if (found !== null) current?.lines.push({ index, key: found[1] ?? "", value: found[2] ?? "" })
  })
  return tables
}

const textOf = (value: string): string | undefined => {
  const quoted = basic.exec(value)?.[1]
  return quoted === undefined ? /^'([^']*)'\s*(?:#.*)?$/.exec(value)?.[1] : JSON.parse(`"${quoted}"`)
}

const tableOf = (value: string): Readonly<Record<string, string>> | undefined => {
  const body = inline.exec(value)?.[1]
  if (body === undefined) return undefined
  return Object.fromEntries(
    [...body.matchAll(/"?([\w-]+)"?\s*=\s*"([^"\\]*)"/g)].map(([, key = "", text = ""]) => [key, text])
  )
}

const asRemote = (table: Table, text: string): ReturnType<typeof remote> | undefined => {
  const of = (key: string) => table.lines.find((line) => line.key === key)?.value
  const given = of("url")
  if (given === undefined) return undefined
  const url = textOf(given)
  const bearer = of("bearer_token_env_var")
  const variable = bearer === undefined ? undefined : textOf(bearer)
  const fixed = tableOf(of("http_headers") ?? "{}")
  const named = tableOf(of("env_http_headers") ?? "{}")
  const elsewhere = new RegExp(`^\\s*\\[\\s*mcp_servers\\s*\\.\\s*"?${table.name.replaceAll(".", "\\.")}"?\\s*\\.`, "m")
  if (url === undefined || fixed === undefined || named === undefined || elsewhere.test(text)) {
    return { why: "its table is written in a way that is not understood here" }
  }
  return remote(table.name, url, {
    ...fixed,
    ...Object.fromEntries(Object.entries(named).map(([key, name]) => [key, `\${${name}}`])),
    ...(variable === undefined ? {} : { Authorization: `Bearer \${${variable}}` })
  })
}

export const codexServers: ClientFile = {
  find: (text) =>
    collected(
      tablesIn(text.split("\n")).flatMap((table) => {
        const found = asRemote(table, text)
        return found === undefined ? [] : [[table.name, found] as const]
      })
    ),
  point: (text, urls) => {
    const lines: Array<string | undefined> = text.split("\n")
    const end = text.includes("\r\n") ? "\r" : ""
    for (const table of tablesIn(text.split("\n"))) {
      const url = urls.get(table.name)
      if (url === undefined) continue
      for (const { index, key } of table.lines) {
        lines[index] = key === "url"
          ? `url = ${JSON.stringify(url)}${end}\nbearer_token_env_var = "${secretVariable}"${end}`
          : undefined
      }
    }
    return lines.filter((line) => line !== undefined).join("\n")
  }
}

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
