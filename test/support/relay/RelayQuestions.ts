/** Tools of the test relay that ask the client: in the way of either era, once or several times. */
import {
  type CallToolResult,
  type InputRequest,
  inputRequired,
  type InputRequiredResult,
  type Server,
  type ServerContext
} from "@modelcontextprotocol/server"

const yesOrNo = (message: string) => ({
  mode: "form" as const,
  message,
  requestedSchema: { type: "object" as const, properties: { yes: { type: "boolean" as const } } }
})
const sampling = {
  messages: [{ role: "user" as const, content: { type: "text" as const, text: "What is it?" } }],
  maxTokens: 10
}

type Ask = readonly [request: InputRequest, legacy: (ctx: ServerContext, server: Server) => Promise<object>]

const elicit = (message: string): Ask => [
  inputRequired.elicit(yesOrNo(message)),
  (ctx) => ctx.mcpReq.elicitInput(yesOrNo(message))
]
const roots: Ask = [inputRequired.listRoots(), (ctx) => ctx.mcpReq.send({ method: "roots/list" })]
const sample: Ask = [inputRequired.createMessage(sampling), (ctx) => ctx.mcpReq.requestSampling(sampling)]

/** Each tool's questions, one round after the other. */
const rounds: Readonly<Record<string, ReadonlyArray<Readonly<Record<string, Ask>>>>> = {
  elicit: [{ go: elicit("Go on?") }],
  elicit_and_read: [{ go: elicit("Read on?") }],
  elicit_twice: [{ go: elicit("Go on?") }, { go: elicit("Go on?") }],
  /** In the legacy era on the stream of the session. */
  elicit_apart: [{ go: [elicit("Apart?")[0], (_, server) => server.elicitInput(yesOrNo("Apart?"))] }],
  sample: [{ model: sample }],
  roots: [{ folders: roots }],
  ask_all: [{ go: elicit("All?"), model: sample, folders: roots }]
}

export const questionTools = Object.keys(rounds).map((name) => ({
  name,
  description: "Asks the client",
  inputSchema: { type: "object" as const },
  scope: "test",
  ...(name === "elicit_and_read" ? { annotations: { readOnlyHint: true } } : {})
}))

export const asks = (name: string): boolean => Object.hasOwn(rounds, name)

const answer = (value: Record<string, unknown>): CallToolResult => ({
  content: [{ type: "text", text: JSON.stringify(value) }],
  structuredContent: value
})

export const ask = async (
  name: string,
  server: Server,
  ctx: ServerContext
): Promise<CallToolResult | InputRequiredResult> => {
  const all = rounds[name] ?? []
  if (ctx.mcpReq.envelope === undefined) {
    let given: Record<string, unknown> = {}
    for (const round of all) {
      const answers = await Promise.all(
        Object.entries(round).map(async ([key, [, legacy]]) => [key, await legacy(ctx, server)] as const)
      )
      given = Object.fromEntries(answers)
    }
    return answer(given)
  }
  const state = ctx.mcpReq.requestState()
  const done = typeof state === "string" ? Number(state) : 0
  const given = ctx.mcpReq.inputResponses
  const round = given === undefined ? done : done + 1
  const next = all[round]
  if (next === undefined) return answer({ ...given })
  return inputRequired({
    inputRequests: Object.fromEntries(Object.entries(next).map(([key, [request]]) => [key, request])),
    requestState: String(round)
  })
}
