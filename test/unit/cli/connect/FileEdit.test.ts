/** What `connect` does to people's files, over files of any content: it takes all of it back. */
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, type Path, Result, Schema } from "effect"
import { parse } from "jsonc-parser"
import { join } from "node:path"
import * as FileEdit from "../../../../src/cli/connect/FileEdit.ts"
import { claude } from "../../../../src/clients/claude.ts"
import type { Client, Registration } from "../../../../src/clients/Client.ts"
import type { ClientEntry } from "../../../../src/clients/ClientEntry.ts"
import { codex } from "../../../../src/clients/codex.ts"
import { gemini } from "../../../../src/clients/gemini.ts"
import { parse as parseToml } from "../../../../src/clients/toml.ts"

const entry: ClientEntry = {
  name: "holdfast",
  url: "http://127.0.0.1:4851/mcp",
  secretFile: "/home/a b/it's/agent-secret",
  program: ["/usr/bin/node", "/opt/hold \"fast\"/main.js"],
  options: ["--data-dir", "/home/a b"],
  isService: true
}

const registrationOf = ({ registration }: Client): Registration => {
  assert.isDefined(registration)
  return registration
}

const editOf = (client: Client, file: string): FileEdit.Edit => {
  const registration = registrationOf(client)
  return {
    owner: registration.command,
    name: "default",
    file,
    put: (text) => registration.put(text, entry),
    remove: (text) => registration.remove(text, entry.name),
    holds: (text) => registration.holds(text, entry)
  }
}

const lines = (all: ReadonlyArray<string>) => Schema.Array(Schema.Literals(all)).check(Schema.isMaxLength(8))

const Toml = lines([
  "# [mcp_servers.holdfast]\n",
  "model = \"o3\" # mine\n",
  "[mcp_servers.docs]\nurl = \"https://docs.test\"\n",
  "[mcp_servers.\"holdfast\"]\ncommand = \"mine\"\n",
  "[mcp_servers.holdfast.env]\nA = \"[x]\"\n",
  "[other]\ntext = \"\"\"\n[mcp_servers.holdfast]\n\"\"\"\n",
  "[more]\nlist = [\n  [1],\n  ['a # b']\n]\n",
  "\r\n",
  "\n",
  "   # tail without an end"
])

const jsonTexts = [
  "",
  "{}",
  "{ }\n",
  "{\n  // mine\n  \"theme\": \"dark\",\n}\n",
  "{\r\n\t\"mcpServers\": {\r\n\t\t\"docs\": { \"url\": \"https://docs.test\" }\r\n\t}\r\n}",
  "{\"mcpServers\":{},\"a\":[1,2,{\"b\":null}]}",
  "{\"mcpServers\":{\"holdfast\":{\"command\":\"mine\"}}}",
  "{ \"numStartups\": 12345678901234567890, \"mcpServers\": { \"x\": {}, \"y\": {} } } "
]

const withFile = <A, E>(
  text: string,
  use: (file: string, dataDir: string) => Effect.Effect<A, E, FileSystem.FileSystem | Path.Path>
) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped({ prefix: "holdfast-edit-" })
    const file = join(folder, "file")
    yield* fs.writeFileString(file, text, { mode: 0o600 })
    yield* fs.chmod(file, 0o640)
    return yield* use(file, join(folder, "data"))
  }).pipe(Effect.scoped)

const undone = (client: Client, text: string) =>
  withFile(text, (file, dataDir) =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const edit = editOf(client, file)
      const applied = yield* Effect.result(FileEdit.apply(dataDir, edit))
      if (Result.isFailure(applied)) {
        assert.strictEqual(yield* fs.readFileString(file), text)
        return
      }
      const once = yield* fs.readFileString(file)
      assert.isTrue(edit.holds(once))
      assert.isFalse(yield* FileEdit.apply(dataDir, edit))
      assert.strictEqual(yield* fs.readFileString(file), once)
      assert.strictEqual((yield* fs.stat(file)).mode & 0o777, 0o640)
      for (const record of yield* FileEdit.records(dataDir)) {
        assert.strictEqual(yield* FileEdit.undo(dataDir, record, edit.remove), "restored")
      }
      assert.strictEqual(yield* fs.readFileString(file), text)
      assert.strictEqual((yield* fs.stat(file)).mode & 0o777, 0o640)
    })).pipe(Effect.provide(NodeServices.layer))

describe("an edit of a client's file", () => {
  it.live.prop("of Codex is undone byte for byte", [Toml], ([parts]) => undone(codex, parts.join("")))

  it.live.each(jsonTexts)(
    "of Claude Code and Gemini is undone byte for byte: %j",
    (text) => Effect.andThen(undone(claude, text), undone(gemini, text))
  )

  it.live.prop(
    "of Codex, removed as text, leaves every other byte",
    [Toml, Toml],
    ([before, after]) =>
      Effect.sync(() => {
        const { put, remove } = registrationOf(codex)
        const text = remove(`${before.join("")}\n`, entry.name)
        const made = put(text, entry)
        if (Result.isFailure(made)) return
        assert.strictEqual(remove(made.success, entry.name), text)
        const later = `\n[later]\n${after.filter((part) => !part.startsWith("[mcp_servers")).join("")}`
        // What is no TOML any longer is left alone.
        const expected = Result.isSuccess(parseToml(text + later)) ? text + later : made.success + later
        assert.strictEqual(remove(made.success + later, entry.name), expected)
      })
  )

  it.live("keeps what was changed meanwhile: only the entry goes", () =>
    withFile("{\"a\": 1}", (file, dataDir) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const edit = editOf(claude, file)
        yield* FileEdit.apply(dataDir, edit)
        const present = JSON.parse(yield* fs.readFileString(file))
        yield* fs.writeFileString(file, JSON.stringify({ ...present, numStartups: 2 }))
        const [record] = yield* FileEdit.records(dataDir)
        assert.isDefined(record)
        assert.strictEqual(yield* FileEdit.undo(dataDir, record, edit.remove), "removed")
        assert.deepStrictEqual(JSON.parse(yield* fs.readFileString(file)), { a: 1, numStartups: 2 })
      })).pipe(Effect.provide(NodeServices.layer)))

  it.live("is refused through a symbolic link, and of what is not understood", () =>
    withFile("{ broken", (file, dataDir) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        assert.include((yield* Effect.flip(FileEdit.apply(dataDir, editOf(claude, file)))).message, "it is not JSON")
        yield* fs.symlink(file, `${file}-link`)
        const refused = yield* Effect.flip(FileEdit.apply(dataDir, editOf(claude, `${file}-link`)))
        assert.include(refused.message, "symbolic link")
        yield* fs.writeFileString(file, "[mcp_servers]\nholdfast = { command = \"mine\" }\n")
        const inline = yield* Effect.flip(FileEdit.apply(dataDir, editOf(codex, file)))
        assert.include(inline.message, "is not a table of its own")
      })).pipe(Effect.provide(NodeServices.layer)))

  it("never holds the secret, and is what the clients read", () => {
    const text = Result.getOrThrow(registrationOf(claude).put("{}", entry))
    const { headersHelper } = parse(text).mcpServers.holdfast
    assert.strictEqual(
      headersHelper,
      `printf '{"Authorization":"Bearer %s"}' "$(cat '/home/a b/it'\\''s/agent-secret')"`
    )
  })
})
