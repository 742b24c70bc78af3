import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { floors, house } from "../../../oxlint.config.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const repository = fileURLToPath(new URL("../../../", import.meta.url))

const fileIn = (place: string): string => place.endsWith(".ts") ? place : place === "*" ? "Top.ts" : `${place}/Any.ts`

/** One file of each place, with the height of its floors: the lower, the greater. */
const places = house.flatMap((floor, height) =>
  [floor].flat().flatMap((room) =>
    (floors[room] ?? [undefined]).flatMap((inner, depth) =>
      [inner].flat().map((place) => ({
        file: place === undefined ? fileIn(room) : `${room}/${fileIn(place)}`,
        height: height + depth / 100
      }))
    )
  )
)

interface Finding {
  readonly code: string
  readonly filename: string
  readonly labels: ReadonlyArray<{ readonly span: { readonly line: number } }>
}

/** A copy of the house in which each file imports every other one: `from → to` for each import that is refused. */
const refused = (directory: string): ReadonlyArray<string> => {
  cpSync(join(repository, "oxlint.config.ts"), join(directory, "oxlint.config.ts"))
  symlinkSync(join(repository, "node_modules"), join(directory, "node_modules"))
  for (const { file } of places) {
    const path = join(directory, "src", file)
    const imports = places.map((to) => relative(dirname(file), to.file)).map((to) =>
      to.startsWith(".") ? to : `./${to}`
    )
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, imports.map((to) => `import "${to}"\n`).join(""))
  }
  const { stdout } = spawnSync("oxlint", ["--format", "json", "-A", "import/no-cycle", "src"], {
    cwd: directory,
    encoding: "utf8",
    env: { ...process.env, PATH: `${join(repository, "node_modules", ".bin")}:${process.env["PATH"]}` }
  })
  const { diagnostics } = JSON.parse(stdout) as { readonly diagnostics: ReadonlyArray<Finding> }
  return diagnostics.filter(({ code }) => code.includes("no-restricted-imports")).map(({ filename, labels }) =>
    `${relative("src", filename)} → ${places[(labels[0]?.span.line ?? 0) - 1]?.file}`
  )
}

describe("the floors of the house", () => {
  it.live("let each place import those on its own floor and below, and none above", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const uphill = places.flatMap((from) =>
        places.filter((to) => to.height < from.height).map((to) => `${from.file} → ${to.file}`)
      )
      const found = refused(directory)
      assert.deepStrictEqual(found.toSorted(), [...uphill, "credentials/Any.ts → context/Any.ts"].toSorted())
      assert.includeMembers([...found], [
        "mcp/streams/Any.ts → mcp/sessions/Any.ts",
        "mcp/sessions/Any.ts → mcp/menu/Any.ts",
        "mcp/menu/Any.ts → mcp/handlers/Any.ts",
        "mcp/handlers/Any.ts → mcp/dispatch/Any.ts",
        "mcp/dispatch/Any.ts → mcp/Top.ts",
        "mcp/Top.ts → mcp/http/Any.ts",
        "outbox/store/Any.ts → outbox/delivery/Any.ts",
        "outbox/delivery/Any.ts → outbox/submission/Any.ts",
        "outbox/submission/Any.ts → outbox/Top.ts",
        "outbox/Entry.ts → outbox/store/Any.ts",
        "relay/transport/Any.ts → relay/handshake/Any.ts",
        "relay/handshake/Any.ts → relay/link/Any.ts",
        "relay/link/Any.ts → relay/session/Any.ts",
        "relay/session/Any.ts → relay/Top.ts",
        "token/rotation.ts → token/sources/Any.ts",
        "token/sources/Any.ts → token/Top.ts"
      ])
    }))
})
