/**
 * What the linter checks, and above all which room may import which: only what stands on a lower floor, or on its own.
 *
 * `house` has the rooms of `src`, `floors` the inside of a room that is worth it, each from the top floor down. A floor is
 * one folder or file, or several. What a room has at its root and no floor names stands on its top floor, `"*"`.
 */
import { readdirSync } from "node:fs"
import { defineConfig, type OxlintOverride } from "oxlint"

type Floors = ReadonlyArray<string | ReadonlyArray<string>>

export const house: Floors = [
  ...[
    "bin.ts",
    "main.ts",
    "programs",
    "index.ts",
    ["cli", "Holdfast.ts"],
    "Runner.ts",
    "runner",
    "clients",
    "dashboard",
    "admin"
  ],
  ...[
    "uplink",
    "journal",
    "embedded",
    "mcp",
    "agents",
    "menu",
    "inbox",
    "results",
    "outbox",
    "relay",
    "credentials",
    "token",
    "context",
    "storage"
  ],
  ...["supervision", "observability", "config", "domain"]
]

export const floors: Readonly<Record<string, Floors>> = {
  mcp: ["http", "*", "dispatch", "handlers", "menu", "sessions", "streams"],
  outbox: ["*", "submission", "delivery", "store", ["Acknowledgement.ts", "Call.ts", "Entry.ts"]],
  relay: ["*", "session", "link", "handshake", "socket", "transport", "RelayFailure.ts"],
  token: ["*", "sources", "rotation.ts"]
}

/**
 * A credential is nothing of a workspace, though it stands above. A command has the daemon's URL from `ProvenDaemon`
 * or `DaemonProof` alone, and so has git's helper: no secret goes to who has its port by now.
 */
const strangers: Readonly<Record<string, ReadonlyArray<string>>> = {
  credentials: ["context", "storage/EndpointFile.ts", "storage/Endpoint.ts"],
  cli: ["storage/EndpointFile.ts", "storage/Endpoint.ts"]
}

const isFile = (name: string): boolean => name.endsWith(".ts")
const either = (names: ReadonlyArray<string>): string => `(${names.join("|").replaceAll(".", "\\.")})(/|$)`

/** Each place of the floors, and which places stand above it; all that is in the folder has to stand on a floor. */
const placesOf = (all: Floors, folder: string) => {
  const named = all.flat()
  const unnamed = readdirSync(new URL(folder, import.meta.url)).filter((name) => !named.includes(name))
  const homeless = named.includes("*") ? unnamed.filter((name) => !isFile(name)) : unnamed
  if (homeless.length > 0) throw new Error(`${folder}: no floor in oxlint.config.ts names ${homeless.join(", ")}`)
  const whole = all.map((floor) => [floor].flat().flatMap((place) => place === "*" ? unnamed : [place]))
  return whole.flatMap((floor, height) => floor.map((place) => ({ place, above: whole.slice(0, height).flat() })))
}

const barring = (file: string, regexes: ReadonlyArray<string>): OxlintOverride => {
  const message = "It stands on a higher floor, or is closed to this room: see oxlint.config.ts."
  const patterns = regexes.map((regex) => ({ regex, message }))
  return { files: [isFile(file) ? file : `${file}/**`], rules: { "no-restricted-imports": ["error", { patterns }] } }
}

const overrides = placesOf(house, "src").flatMap(({ above, place: room }) => {
  const barred = [...above, ...strangers[room] ?? []]
  const outside = barred.length === 0 ? [] : [`^${isFile(room) ? "\\./" : "(\\.\\./)+"}${either(barred)}`]
  const inside = floors[room]
  if (inside === undefined) return [barring(`src/${room}`, outside)]
  return placesOf(inside, `src/${room}`).map(({ above, place }) => {
    const own = `^(${isFile(place) ? "\\./" : "\\.\\./"}|(\\.\\./)+${room}/)${either(above)}`
    return barring(`src/${room}/${place}`, above.length === 0 ? outside : [...outside, own])
  })
})

export default defineConfig({
  plugins: ["typescript", "import", "unicorn", "oxc"],
  categories: { correctness: "error", suspicious: "error" },
  rules: {
    "import/no-cycle": "error",
    "typescript/no-explicit-any": "error",
    "no-unused-vars": "error",
    "no-console": "error",
    // Effect's generators need not yield, its modules shadow globals, its services are classes without members.
    "require-yield": "off",
    "no-shadow": "off",
    "typescript/no-extraneous-class": "off",
    "no-underscore-dangle": "off",
    "unicorn/consistent-function-scoping": "off",
    // What is sorted or reversed here is a fresh array.
    "unicorn/no-array-sort": "off",
    "unicorn/no-array-reverse": "off",
    "import/no-unassigned-import": "off"
  },
  overrides,
  ignorePatterns: ["dist", "node_modules"]
})
