/**
 * Codex. An entry with a URL takes its secret from the environment alone, or has it in the file; so a command is
 * registered, which needs neither. Codex passes few variables on to what it starts, so the entry says all.
 */
import { Option, Predicate, Result } from "effect"
import { readFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import type { Client } from "./Client.ts"
import { byConnect, type ClientEntry, stdioCommand } from "./ClientEntry.ts"
import { type Inject, secretVariable, type Server } from "./Injection.ts"
import { type ClientFile, type Headers, remote, text as plain, variable } from "./RemoteServers.ts"
import * as Toml from "./toml.ts"

const file = (env: Readonly<Record<string, string | undefined>>) =>
  join(env["CODEX_HOME"] || join(homedir(), ".codex"), "config.toml")

const path = (name: string) => ["mcp_servers", name]

/** Codex gives a server 10 s without, and the command may have to start the daemon, on a busy machine. */
const startupSeconds = 30

const members = (entry: ClientEntry) => ({ ...stdioCommand(entry), startup_timeout_sec: startupSeconds })

/** TOML's basic strings take what JSON's do. */
const table = (entry: ClientEntry, eol: string): string => {
  const { args, command, startup_timeout_sec } = members(entry)
  return [
    `[mcp_servers.${entry.name}]`,
    `command = ${JSON.stringify(command)}`,
    `args = [${args.map((word) => JSON.stringify(word)).join(", ")}]`,
    `startup_timeout_sec = ${startup_timeout_sec}`,
    ""
  ].join(eol)
}

const eolOf = (text: string) => text.includes("\r\n") ? "\r\n" : "\n"

const servers = (tree: Toml.Tree): Toml.Tree => {
  const present = tree["mcp_servers"]
  if (Toml.isTable(present)) return present
  return tree["mcp_servers"] = Toml.table({})
}

/** The length of the empty line at the end, which came with the table behind it. */
const emptyLineBefore = (before: string): number => {
  const length = before.endsWith("\r\n") ? 2 : before.endsWith("\n") ? 1 : 0
  const rest = before.slice(0, before.length - length)
  return rest === "" || rest.endsWith("\n") ? length : 0
}

/** Without the table and those below it, where each of them has a header of its own; else the text as it was. */
const remove = (text: string, name: string): string => {
  const edits = Toml.tablesIn(text).filter(({ path: [list, server] }) => list === "mcp_servers" && server === name)
    .map(({ end, start }) => ({ start: start - emptyLineBefore(text.slice(0, start)), end, text: "" }))
  const wanted = (tree: Toml.Tree) => {
    const list = servers(tree)
    delete list[name]
    // Where nothing else is left, no header speaks of the list.
    if (Object.keys(list).length === 0 && !Toml.tablesIn(text).some(({ path }) => path.join() === "mcp_servers")) {
      delete tree["mcp_servers"]
    }
  }
  return Option.getOrElse(Toml.edited(text, edits, wanted), () => text)
}

const put = (text: string, entry: ClientEntry): Result.Result<string, string> => {
  const broken = Toml.parse(text)
  if (Result.isFailure(broken)) return Result.fail(`it is not TOML${broken.failure}`)
  if (holds(text, entry)) return Result.succeed(text)
  const eol = eolOf(text)
  const without = remove(text, entry.name)
  const gap = without === "" ? "" : without.endsWith("\n") ? eol : eol + eol
  const end = without.length
  const made = Toml.edited(without, [{ start: end, end, text: gap + table(entry, eol) }], (tree) => {
    servers(tree)[entry.name] = Toml.table(members(entry))
  })
  return Option.match(made, {
    onNone: () => Result.fail(`mcp_servers.${entry.name} is not a table of its own, [mcp_servers.${entry.name}]`),
    onSome: Result.succeed
  })
}

const inForce = (text: string, name: string): unknown =>
  Toml.at(Option.getOrUndefined(Result.getSuccess(Toml.parse(text))), path(name))

const holds = (text: string, entry: ClientEntry): boolean =>
  isDeepStrictEqual(inForce(text, entry.name), Toml.table(members(entry)))

/** Whether the user's own file makes the server a command; to such a one a URL cannot be given for one run. */
const isCommand = (text: string, name: string): boolean => Toml.at(inForce(text, name), ["command"]) !== undefined

const config = (name: string, key: string, value: string) => ["-c", `mcp_servers.${name}.${key}=${value}`]

const own = (): string =>
  Option.getOrElse(Option.liftThrowable(() => readFileSync(file(process.env), "utf8"))(), () => "")

/**
 * Values are TOML; without the feature Codex ignores list_changed. Not by `--enable`: one that the user gives behind a
 * subcommand takes the place of ours (0.171.0).
 */
const inject: Inject = (servers) => {
  const text = own()
  const variable = JSON.stringify(secretVariable)
  const flagsFor = ({ name, stdio: { args, command }, url }: Server) =>
    isCommand(text, name)
      ? [
        ...config(name, "command", JSON.stringify(command)),
        ...config(name, "args", JSON.stringify(args)),
        ...config(name, "env_vars", `[${variable}]`)
      ]
      : [...config(name, "url", JSON.stringify(url)), ...config(name, "bearer_token_env_var", variable)]
  return {
    args: [...servers.flatMap(flagsFor), "-c", "features.mcp_tool_list_changed=true"],
    entries: [],
    obeysListChanged: true
  }
}

export const codex: Client = {
  title: "Codex",
  snippet: (entry) => ({
    text: table(entry, "\n").trimEnd(),
    note: `Add to ~/.codex/config.toml; other [mcp_servers.…] tables stay as they are. ${byConnect(entry)}`
  }),
  inject: { codex: inject },
  registration: { command: "codex", file, put, remove, holds, way: "stdio" }
}

// Codex's `config.toml`, as far as its remote servers go. A server whose table is written in a way that cannot be changed
// as text stays as it is.

const list = "mcp_servers"

/** What says where a server is, and who asks: gone once Holdfast stands before it. */
const keys: ReadonlySet<string> = new Set(["url", "bearer_token_env_var", "http_headers", "env_http_headers"])

const treeOf = (text: string): Toml.Tree => Result.getOrElse(Toml.parse(text), () => Toml.table({}))

const serversIn = (text: string): ReadonlyArray<readonly [name: string, server: Toml.Tree]> => {
  const servers = Toml.at(treeOf(text), [list])
  return Toml.isTable(servers)
    ? Object.entries(servers).flatMap(([name, server]) => Toml.isTable(server) ? [[name, server] as const] : [])
    : []
}

/** A table of texts; none where it says anything else. */
const texts = (value: unknown): Option.Option<ReadonlyArray<readonly [string, string]>> => {
  if (value === undefined) return Option.some([])
  if (!Toml.isTable(value)) return Option.none()
  const entries = Object.entries(value)
  return entries.every((entry): entry is [string, string] => Predicate.isString(entry[1]))
    ? Option.some(entries)
    : Option.none()
}

/** Codex knows no variables in texts: it names them apart. */
const headersOf = (server: Toml.Tree): Option.Option<Headers> => {
  const bearer = server["bearer_token_env_var"]
  return Option.map(
    Option.all([
      texts(server["http_headers"]),
      texts(server["env_http_headers"]),
      bearer === undefined || Predicate.isString(bearer) ? Option.some(bearer) : Option.none()
    ]),
    ([fixed, named, bearer]) => [
      ...fixed.map(([header, value]) => [header, [plain(value)]] as const),
      ...named.map(([header, name]) => [header, [variable(name)]] as const),
      ...bearer === undefined ? [] : [["Authorization", [plain("Bearer "), variable(bearer)]] as const]
    ]
  )
}

/** The text with each of these servers at its URL; `None` where one is written otherwise than as a table of its own. */
const pointed = (text: string, urls: ReadonlyMap<string, string>): Option.Option<string> => {
  const eol = text.includes("\r\n") ? "\r\n" : "\n"
  const edits = Toml.tablesIn(text).flatMap((table): ReadonlyArray<Toml.Edit> => {
    const [first, name = "", below, more] = table.path
    const url = urls.get(name)
    if (first !== list || url === undefined || more !== undefined) return []
    if (below !== undefined) return keys.has(below) ? [{ start: table.start, end: table.end, text: "" }] : []
    const lines = [`url = ${JSON.stringify(url)}`, `bearer_token_env_var = ${JSON.stringify(secretVariable)}`, ""]
    return table.pairs.filter(({ key }) => keys.has(key))
      .map(({ end, key, start }) => ({ start, end, text: key === "url" ? lines.join(eol) : "" }))
  })
  return Toml.edited(text, edits, (tree) => {
    for (const [name, url] of urls) {
      const server = Toml.at(tree, [list, name])
      if (!Toml.isTable(server)) continue
      for (const key of keys) delete server[key]
      Object.assign(server, { url, bearer_token_env_var: secretVariable })
    }
  })
}

export const codexServers: ClientFile = {
  fault: (text) =>
    Result.match(Toml.parse(text), { onFailure: (fault) => fault || ": it cannot be read", onSuccess: () => "" }),
  servers: (text) =>
    serversIn(text).filter(([, { url }]) => url !== undefined).map(([name, server]) => {
      const headers = headersOf(server)
      return [
        name,
        Option.isSome(headers) && Predicate.isString(server["url"])
          ? remote(name, [plain(server["url"])], headers.value)
          : { why: "its URL or headers are no texts" }
      ]
    }),
  point: pointed
}
