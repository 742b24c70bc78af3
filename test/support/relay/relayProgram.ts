/**
 * The test relay as a process. Its only argument is a `RelayConfig`; with an IPC channel it obeys `RelayCommand`s and
 * dies with its parent, without one it ends with its standard input.
 */
import { createServer } from "node:http"
import { flushCompileCache } from "node:module"
import type { RelayCommand, RelayCounts, RelayReply } from "./RelayCommand.ts"
import { defaultRelayConfig, type RelayConfig } from "./RelayConfig.ts"
import { RelayEndpoint } from "./RelayEndpoint.ts"
import { RelayHttp } from "./RelayHttp.ts"
import { RelayState } from "./RelayState.ts"

// A process that is killed writes no cache of its own accord.
flushCompileCache()

const given: Partial<RelayConfig> = JSON.parse(process.argv[2] ?? "{}")
const config: RelayConfig = {
  ...defaultRelayConfig,
  ledgerFile: "ledger.jsonl",
  requestsFile: "requests.jsonl",
  ...given
}
const state = new RelayState(config)
const endpoint = new RelayEndpoint(state)
const http = new RelayHttp(state, endpoint)

const server = createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
  http.handle(req, res).catch((cause: unknown) => {
    process.stderr.write(`${String(cause)}\n`)
    res.destroy()
  })
})

const run = async (command: RelayCommand): Promise<RelayCounts | undefined> => {
  switch (command._tag) {
    case "Hold":
      return void state.gate.hold(command.point)
    case "Release":
      return void state.gate.release(command.point)
    case "AwaitHeld":
      return void await state.gate.awaitHeld(command.point, command.count)
    case "DieAt":
      return void state.gate.dieAt(command.point)
    case "SetTokens":
      state.tokens = command.tokens
      return
    case "DropSessions":
      return void await endpoint.dropSessions()
    case "AnswerNext":
      return void http.answerNext(command.count, command.answer, command.match)
    case "AnswerAsUsual":
      return void http.answerAsUsual()
    case "PutTool":
      state.tools.set(command.tool.name, command.tool)
      return void (command.announce && endpoint.announceTools())
    case "RemoveTool":
      state.tools.delete(command.name)
      return void (command.announce && endpoint.announceTools())
    case "ResourceUpdated":
      return void endpoint.resourceUpdated(command.uri)
    case "Notify":
      return void endpoint.notify(command.method, command.params)
    case "Step":
      return void state.step()
    case "Counts":
      return { sessions: endpoint.sessions.size, streams: state.streams, inFlight: state.inFlight }
  }
}

const reply = (message: RelayReply) => process.send?.(message)

process.on("message", ({ id, command }: { readonly id: number; readonly command: RelayCommand }) => {
  run(command).then(
    (value) => reply(value === undefined ? { id } : { id, value }),
    (cause: unknown) => reply({ id, error: String(cause) })
  )
})
process.on("disconnect", () => process.exit(0))
process.on("unhandledRejection", (cause) => process.stderr.write(`${String(cause)}\n`))
if (process.send === undefined) process.stdin.resume().on("end", () => process.exit(0))

server.listen(config.port, "127.0.0.1", () => {
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : config.port
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}/mcp`, port })}\n`)
  process.send?.({ ready: port })
})
