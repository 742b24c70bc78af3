/** One server of the conformance fixture relay, on the official package: all that the scenarios call for. */
import { fromJsonSchema, McpServer, ResourceTemplate, type ServerContext } from "@modelcontextprotocol/server"
import { setTimeout as sleep } from "node:timers/promises"
import { forms, plainTools, png, rich, text } from "./FixtureContents.ts"
import { elicitation, registerRounds, states } from "./InputRequiredFixtures.ts"

/** What the servers of one relay share: tools and prompts that come and go, and whom to tell. */
export interface FixtureState {
  tools: number
  prompts: number
  readonly changed: (what: "tools" | "prompts") => void
}

/** Not in JSON Schema's own vocabulary, so not in its type. */
const mirrored: object = {
  type: "object",
  properties: { region: { type: "string", "x-mcp-header": "Region" }, other: { type: "string" } },
  required: ["region"]
}

const strings = (...names: ReadonlyArray<string>) =>
  fromJsonSchema<Record<string, string>>({
    type: "object",
    properties: Object.fromEntries(names.map((name) => [name, { type: "string" }])),
    required: [...names]
  })

const described = { description: "Answers a scenario of the conformance suite." }

const said = (words: string) => ({ content: [text(words)] })

const progress = (ctx: ServerContext, done: number) =>
  ctx.mcpReq.notify({
    method: "notifications/progress",
    params: { progressToken: ctx.mcpReq._meta?.progressToken ?? 0, progress: done, total: 100, message: `${done}` }
  })

const registerTools = (server: McpServer, state: FixtureState): void => {
  for (const [name, content] of Object.entries(plainTools)) server.registerTool(name, described, () => ({ content }))
  const logging = async (_: unknown, ctx?: ServerContext) => {
    const { mcpReq } = ctx ?? (_ as ServerContext)
    for (const words of ["started", "processing", "completed"]) {
      await mcpReq.log("info", `Tool execution ${words}`)
      await sleep(50)
    }
    return said("Logged.")
  }
  server.registerTool("test_tool_with_logging", described, logging)
  server.registerTool("test_logging_tool", described, logging)
  server.registerTool("test_tool_with_progress", described, async (ctx) => {
    for (const done of [0, 50, 100]) {
      await progress(ctx, done)
      await sleep(50)
    }
    return said(String(ctx.mcpReq._meta?.progressToken))
  })
  server.registerTool("test_error_handling", described, () => {
    throw new Error("This tool intentionally returns an error for testing")
  })
  server.registerTool("test_reconnection", described, async (ctx) => {
    ctx.http?.closeSSE?.()
    await sleep(100)
    return said("Reconnected.")
  })
  server.registerTool(
    "test_sampling",
    { ...described, inputSchema: strings("prompt") },
    async ({ prompt = "" }, ctx) => {
      const answer = await ctx.mcpReq.requestSampling({
        messages: [{ role: "user", content: { type: "text", text: prompt } }],
        maxTokens: 100
      })
      return said(`LLM response: ${JSON.stringify(answer.content)}`)
    }
  )
  server.registerTool(
    "test_elicitation",
    { ...described, inputSchema: strings("message") },
    async ({ message = "" }, ctx) => {
      const answer = await ctx.mcpReq.elicitInput({
        mode: "form",
        message,
        requestedSchema: { type: "object", properties: { response: { type: "string" } }, required: ["response"] }
      })
      return said(`User response: action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`)
    }
  )
  for (const [name, requestedSchema] of Object.entries(forms)) {
    server.registerTool(name, described, async (ctx) => {
      const params = { message: "Please fill this in", requestedSchema }
      const answer = await ctx.mcpReq.send({ method: "elicitation/create", params })
      return said(`Elicitation completed: action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`)
    })
  }
  server.registerTool("json_schema_2020_12_tool", { ...described, inputSchema: fromJsonSchema(rich) }, () => said("ok"))
  server.registerTool("test_x_mcp_header", {
    ...described,
    inputSchema: fromJsonSchema<{ region: string }>(mirrored)
  }, ({ region }) => said(region))
  server.registerTool("test_trigger_tool_change", described, () => {
    state.tools++
    state.changed("tools")
    return said("The tools have changed.")
  })
  server.registerTool("test_trigger_prompt_change", described, () => {
    state.prompts++
    state.changed("prompts")
    return said("The prompts have changed.")
  })
  for (let number = 1; number <= state.tools; number++) {
    server.registerTool(`extra_${number}`, described, () => said("extra"))
  }
}

const registerResources = (server: McpServer): void => {
  const plain = { mimeType: "text/plain" }
  const about = { "static-text": "This is the content of the static text resource.", "watched-resource": "Watched." }
  for (const [name, words] of Object.entries(about)) {
    server.registerResource(name, `test://${name}`, plain, ({ href }) => ({
      contents: [{ uri: href, ...plain, text: words }]
    }))
  }
  server.registerResource("static-binary", "test://static-binary", { mimeType: "image/png" }, ({ href }) => ({
    contents: [{ uri: href, mimeType: "image/png", blob: png }]
  }))
  const template = new ResourceTemplate("test://template/{id}/data", { list: undefined })
  server.registerResource("template", template, { mimeType: "application/json" }, ({ href }, { id }) => ({
    contents: [{
      uri: href,
      mimeType: "application/json",
      text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${String(id)}` })
    }]
  }))
  server.server.setRequestHandler("resources/subscribe", () => ({}))
  server.server.setRequestHandler("resources/unsubscribe", () => ({}))
}

const registerPrompts = (server: McpServer, state: FixtureState): void => {
  const user = (content: Parameters<typeof text>[0] | object) => ({
    role: "user" as const,
    content: typeof content === "string" ? text(content) : (content as ReturnType<typeof text>)
  })
  server.registerPrompt(
    "test_simple_prompt",
    described,
    () => ({ messages: [user("This is a simple prompt for testing.")] })
  )
  server.registerPrompt("test_prompt_with_arguments", {
    ...described,
    argsSchema: strings("arg1", "arg2")
  }, ({ arg1, arg2 }) => ({ messages: [user(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)] }))
  server.registerPrompt("test_prompt_with_embedded_resource", {
    ...described,
    argsSchema: strings("resourceUri")
  }, ({ resourceUri = "" }) => ({
    messages: [
      user({ type: "resource", resource: { uri: resourceUri, mimeType: "text/plain", text: "Embedded." } }),
      user("Please process the embedded resource above.")
    ]
  }))
  server.registerPrompt("test_prompt_with_image", described, () => ({
    messages: [user({ type: "image", data: png, mimeType: "image/png" }), user("Please analyze the image above.")]
  }))
  server.registerPrompt("test_input_required_result_prompt", described, async (ctx) => {
    const answered = ctx.mcpReq.inputResponses?.["user_context"] !== undefined
    if (answered) return { messages: [user(JSON.stringify(ctx.mcpReq.inputResponses))] }
    return { ...await elicitation(ctx), inputRequests: { user_context: contextAsked } } as never
  })
  for (let number = 1; number <= state.prompts; number++) {
    server.registerPrompt(`extra_${number}`, described, () => ({ messages: [user("extra")] }))
  }
}

const contextAsked = {
  method: "elicitation/create",
  params: {
    mode: "form",
    message: "What context should the prompt use?",
    requestedSchema: { type: "object", properties: { context: { type: "string" } }, required: ["context"] }
  }
}

export const fixtureServer = (state: FixtureState): McpServer => {
  const server = new McpServer({ name: "conformance-fixture", version: "1.0.0" }, {
    capabilities: {
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
      logging: {},
      completions: {}
    },
    requestState: { verify: states.verify }
  })
  registerTools(server, state)
  registerRounds(server)
  registerResources(server)
  registerPrompts(server, state)
  server.server.setRequestHandler("completion/complete", () => ({
    completion: { values: ["paris", "park"], total: 2, hasMore: false }
  }))
  return server
}
