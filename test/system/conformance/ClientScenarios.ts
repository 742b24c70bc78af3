/** What each client scenario of the conformance suite asks of its client, besides listing the tools. */
import { createHash } from "node:crypto"
import type { ScenarioClient } from "./ScenarioClient.ts"

export interface ScenarioContext {
  readonly toolCalls?: ReadonlyArray<{ readonly name: string; readonly arguments: Record<string, unknown> }>
}

type Script = (client: ScenarioClient, context: ScenarioContext) => Promise<void>

const call = (client: ScenarioClient, name: string, args: Record<string, unknown> = {}) =>
  client.callTool({ name, arguments: args })

/** A host of skills (SEP-2640): what a skill's file says of itself is verified before the next one is read. */
const loadSkill: Script = async (client) => {
  const { skills } = await client.ask("skills/list") as unknown as { readonly skills: ReadonlyArray<Skill> }
  for (const { frontmatter, resources } of skills) {
    for (const { digest, size, uri } of resources) {
      const [content] = (await client.readResource({ uri })).contents as ReadonlyArray<{ readonly text: string }>
      const text = content?.text ?? ""
      const told = `sha256:${createHash("sha256").update(text).digest("hex")}`
      const described = !uri.endsWith("SKILL.md") || text.includes(`description: ${frontmatter.description}\n`)
      if (told !== digest || Buffer.byteLength(text) !== size || !described) return
    }
  }
}

interface Skill {
  readonly frontmatter: { readonly description: string }
  readonly resources: ReadonlyArray<{ readonly uri: string; readonly digest: string; readonly size: number }>
}

const connectOnly: Script = async () => {}

const scripts: Readonly<Record<string, Script>> = {
  initialize: connectOnly,
  "request-metadata": connectOnly,
  "json-schema-ref-no-deref": connectOnly,
  tools_call: async (client) => void await call(client, "add_numbers", { a: 5, b: 3 }),
  "elicitation-sep1034-client-defaults": async (client) => void await call(client, "test_client_elicitation_defaults"),
  "sse-retry": async (client) => void await call(client, "test_reconnection"),
  // While it fills in the form of the first, the client calls `test_mrtr_unrelated`.
  "sep-2322-client-request-state": async (client) => {
    await call(client, "test_mrtr_echo_state")
    await call(client, "test_mrtr_no_state")
    await call(client, "test_mrtr_no_result_type")
  },
  "http-standard-headers": async (client) => {
    await call(client, "test_headers")
    await call(client, "my-hyphenated-tool")
    for (const { uri } of (await client.listResources()).resources) await client.readResource({ uri })
    for (const { name } of (await client.listPrompts()).prompts) await client.getPrompt({ name })
  },
  "http-custom-headers": async (client, { toolCalls = [] }) => {
    for (const params of toolCalls) await client.callTool(params)
  },
  "http-invalid-tool-headers": async (client) => {
    for (const { name } of (await client.listTools()).tools) await call(client, name, { region: "us" })
  },
  "json-schema-2020-12-preservation": async (client) => {
    const { tools } = await client.listTools()
    const schema = tools.find(({ name }) => name === "json_schema_2020_12_tool")?.inputSchema
    await call(client, "json_schema_echo", { schema })
  },
  "sep-2640-client-no-prefetch": async (client) => void await client.ask("skills/list"),
  "sep-2640-client-verify-digest": loadSkill,
  "sep-2640-client-verify-size": loadSkill,
  "sep-2640-client-verify-frontmatter": loadSkill
}

/** Every scenario begins with the list of tools, as agents do. */
export const runScenario = async (name: string, client: ScenarioClient, context: ScenarioContext): Promise<void> => {
  const script = scripts[name]
  if (script === undefined) throw new Error(`the scenario ${name} is not known to this client`)
  if (!name.startsWith("sep-2640")) await client.listTools()
  await script(client, context)
}

export const onForm = (scenario: string) => async (client: ScenarioClient): Promise<void> => {
  if (scenario === "sep-2322-client-request-state") await call(client, "test_mrtr_unrelated")
}
