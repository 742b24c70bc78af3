/**
 * Node's own modules as `process.getBuiltinModule` gives them. An `import` of `node:http` reads each name that it
 * exports, among them a WebSocket, and for that Node loads an HTTP client of its own: 30 ms at each start.
 */
import type { Rolldown } from "tsdown"

const statement = /^import (?:\* as (\w+|\w*\$\w+)|\{([^}]*)\}) from "(node:[\w/]+)";$/gm

const renamed = (names: string): string => names.replaceAll(/([\w$]+) as ([\w$]+)/g, "$1: $2")

export const plainBuiltins: Rolldown.Plugin = {
  name: "plain-builtins",
  renderChunk: {
    order: "post",
    handler: (code) =>
      code.replaceAll(
        statement,
        (_, whole: string | undefined, names = "", name: string) =>
          `const ${whole ?? `{${renamed(names)}}`} = process.getBuiltinModule("${name}");`
      )
  }
}
