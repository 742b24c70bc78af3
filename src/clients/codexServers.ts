/**
 * Codex's `config.toml`, as far as its remote servers go: tables `[mcp_servers.name]` whose values stand on one line each.
 * A server that is written in another way stays as it is.
 */
import { secretVariable } from "./Injection.ts"
import { type ClientFile, collected, remote } from "./RemoteServers.ts"

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
