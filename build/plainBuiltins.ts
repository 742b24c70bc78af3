/**
 * Node's own modules as `process.getBuiltinModule` gives them. An `import` of `node:http` reads each name that it
 * exports, among them a WebSocket, and for that Node loads an HTTP client of its own: 30 ms at each start.
 */
import type { Rolldown } from "tsdown"

const statement = /^import (?:\* as (\w+|\w*\$\w+)|\{([^}]*)\}) from "(node:[\w/]+)";$/gm

const renamed = (names: string): string => names.replaceAll(/([\w$]+) as ([\w$]+)/g, "$1: $2")

const plain = (get: (name: string) => string): Rolldown.Plugin => ({
  name: "plain-builtins",
  renderChunk: {
    order: "post",
    handler: (code) =>
      code.replaceAll(
        statement,
        (_, whole: string | undefined, names = "", name: string) =>
          `const ${whole ?? `{${renamed(names)}}`} = ${get(name)};`
      )
  }
})

export const plainBuiltins = plain((name) => `process.getBuiltinModule("${name}")`)

/** For what an old Node has to read as far as the line that says so. */
export const plainBuiltinsAnywhere = plain((name) => `process.getBuiltinModule?.("${name}") ?? {}`)
