/**
 * `undici` without what Holdfast never uses: `fetch`, WebSocket, caches and mocks are most of it, and all of it runs at
 * each start. What is left is an agent and a pool, with `request` of either. Anything else of it is `undefined`.
 */
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import type { Rolldown } from "tsdown"

const folder = dirname(createRequire(import.meta.url).resolve("undici"))
const part = (...names: ReadonlyArray<string>): string => JSON.stringify(join(folder, "lib", ...names))

const source = `
import Agent from ${part("dispatcher", "agent.js")}
import Dispatcher from ${part("dispatcher", "dispatcher.js")}
import Pool from ${part("dispatcher", "pool.js")}
import request from ${part("api", "api-request.js")}
Dispatcher.prototype.request = request
export { Agent, Pool }
export default { Agent, Pool }
`

const id = "\0narrow-undici"

export const narrowUndici: Rolldown.Plugin = {
  name: "narrow-undici",
  resolveId: { order: "pre", handler: (source) => source === "undici" ? { id, moduleSideEffects: true } : undefined },
  load: (module) => module === id ? source : undefined
}
