/** The extension by which a call of a tool may be answered with a task, to be asked for later (MCP, ext-tasks 2026-07-28). */
import * as JsonText from "./JsonText.ts"

export const name = "io.modelcontextprotocol/tasks"

/** Whether a client or a server with these capabilities, JSON text, declares it. */
export const isDeclaredIn = (capabilities: string): boolean =>
  JsonText.at(capabilities, ["extensions", name])?.startsWith("{") === true

/** Whether a server that says this of itself declares it: an InitializeResult or a DiscoverResult. */
export const isOfferedBy = (greeting: string): boolean => isDeclaredIn(JsonText.at(greeting, ["capabilities"]) ?? "{}")

/** What a server says of itself, with the extension declared. */
export const offeredBy = (greeting: string): string =>
  isOfferedBy(greeting) ? greeting : JsonText.set(greeting, ["capabilities", "extensions", name], "{}")
