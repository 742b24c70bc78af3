/** Tools that need several rounds (MCP 2026-07-28, multi-round-trip requests), as the conformance suite names them. */
import {
  acceptedContent,
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  type InputRequest,
  inputRequired,
  type InputRequiredResult,
  type McpServer,
  type ServerContext
} from "@modelcontextprotocol/server"
import { text } from "./FixtureContents.ts"

export const states = createRequestStateCodec<{ readonly round: number }>({
  key: "a key that is no secret at all, and long enough"
})

const ask = (message: string, member: string, type: "string" | "boolean" = "string"): InputRequest =>
  inputRequired.elicit({
    mode: "form",
    message,
    requestedSchema: {
      type: "object",
      properties: { [member]: type === "string" ? { type } : { type: "boolean" } },
      required: [member]
    }
  })
const sample = (question: string, maxTokens: number): InputRequest =>
  inputRequired.createMessage({
    messages: [{ role: "user", content: { type: "text", text: question } }],
    maxTokens
  })

type Round = (ctx: ServerContext) => Promise<InputRequiredResult | CallToolResult>

/** What the client of this request declares (2026-07-28). */
const capabilitiesOf = (ctx: ServerContext): { readonly sampling?: unknown; readonly elicitation?: unknown } =>
  Object(ctx.mcpReq.envelope)[CLIENT_CAPABILITIES_META_KEY] ?? {}

const given = (ctx: ServerContext, key: string) => ctx.mcpReq.inputResponses?.[key]
const done = (words: string): CallToolResult => ({ content: [text(words)] })
const once = (key: string, request: () => InputRequest, words: (ctx: ServerContext) => string): Round => async (ctx) =>
  given(ctx, key) === undefined ? inputRequired({ inputRequests: { [key]: request() } }) : done(words(ctx))

export const elicitation: Round = async (ctx) => {
  const name = acceptedContent<{ name: string }>(ctx.mcpReq.inputResponses, "user_name")?.name
  return typeof name === "string"
    ? done(`Hello, ${name}!`)
    : inputRequired({ inputRequests: { user_name: ask("What is your name?", "name") } })
}

const confirmed = (words: string): Round => async (ctx) => {
  const state = ctx.mcpReq.requestState<{ round: number }>()
  return state !== undefined && given(ctx, "confirm") !== undefined
    ? done(words)
    : inputRequired({
      inputRequests: { confirm: ask("Please confirm", "ok", "boolean") },
      requestState: await states.mint({ round: 1 }, ctx)
    })
}

const rounds: Readonly<Record<string, Round>> = {
  test_input_required_result_elicitation: elicitation,
  test_input_required_result_sampling: once(
    "capital_question",
    () => sample("What is the capital of France?", 100),
    (ctx) => `The client said: ${JSON.stringify(given(ctx, "capital_question"))}`
  ),
  test_input_required_result_list_roots: once(
    "client_roots",
    () => inputRequired.listRoots(),
    (ctx) => `The client has: ${JSON.stringify(given(ctx, "client_roots"))}`
  ),
  test_input_required_result_request_state: confirmed("state-ok"),
  test_input_required_result_tampered_state: confirmed("state-ok"),
  test_input_required_result_multiple_inputs: async (ctx) =>
    ["user_name", "greeting", "client_roots"].every((key) => given(ctx, key) !== undefined)
      ? done("All there.")
      : inputRequired({
        inputRequests: {
          user_name: ask("What is your name?", "name"),
          greeting: sample("Generate a greeting", 50),
          client_roots: inputRequired.listRoots()
        },
        requestState: await states.mint({ round: 1 }, ctx)
      }),
  test_input_required_result_multi_round: async (ctx) => {
    const round = ctx.mcpReq.requestState<{ round: number }>()?.round ?? 0
    if (round === 2 && given(ctx, "step2") !== undefined) return done("Three rounds.")
    return round === 1 && given(ctx, "step1") !== undefined
      ? inputRequired({
        inputRequests: { step2: ask("Step 2: What is your favorite color?", "color") },
        requestState: await states.mint({ round: 2 }, ctx)
      })
      : inputRequired({
        inputRequests: { step1: ask("Step 1: What is your name?", "name") },
        requestState: await states.mint({ round: 1 }, ctx)
      })
  },
  test_input_required_result_capabilities: async (ctx) => {
    const can = capabilitiesOf(ctx)
    return inputRequired({
      inputRequests: {
        ...(can?.sampling === undefined ? {} : { sampled: sample("Say something", 10) }),
        ...(can?.elicitation === undefined ? {} : { elicited: ask("What is your name?", "name") })
      },
      requestState: await states.mint({ round: 1 }, ctx)
    })
  },
  test_streaming_elicitation: elicitation,
  // The official server refuses by itself to ask what the client does not declare.
  test_missing_capability: once("sampled", () => sample("Say something", 10), () => "Sampling is there.")
}

export const registerRounds = (server: McpServer): void => {
  for (const [name, round] of Object.entries(rounds)) {
    server.registerTool(name, { description: "Asks for input." }, round)
  }
}
