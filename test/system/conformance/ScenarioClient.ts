/** The official clients as the client scenarios need them: able to answer a form, and to ask for what no SDK knows. */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { Client as SdkClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as SdkTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { ElicitRequestSchema, ResultSchema } from "@modelcontextprotocol/sdk/types.js"
import { Schema } from "effect"

export interface ScenarioClient {
  listTools(): Promise<{ readonly tools: ReadonlyArray<{ readonly name: string; readonly inputSchema: unknown }> }>
  callTool(params: { name: string; arguments: Record<string, unknown> }): Promise<unknown>
  listResources(): Promise<{ readonly resources: ReadonlyArray<{ readonly uri: string }> }>
  readResource(params: { uri: string }): Promise<{ readonly contents: ReadonlyArray<object> }>
  listPrompts(): Promise<{ readonly prompts: ReadonlyArray<{ readonly name: string }> }>
  getPrompt(params: { name: string }): Promise<unknown>
  close(): Promise<void>
  readonly ask: (method: string) => Promise<Record<string, unknown>>
}

const anything = Schema.toStandardSchemaV1(Schema.Record(Schema.String, Schema.Unknown))

interface Target {
  readonly url: string
  readonly secret: string | undefined
  /** Runs when the client is asked to fill in a form, which it then accepts without a word. */
  readonly onForm: (client: ScenarioClient) => Promise<void>
}

const info = { name: "conformance-client", version: "1.0.0" }
const capabilities = { elicitation: { form: { applyDefaults: true } }, roots: {}, sampling: {} }
const requestInit = ({ secret }: Target) => ({
  headers: secret === undefined ? {} : { authorization: `Bearer ${secret}` }
})

const sdk = async (target: Target): Promise<ScenarioClient> => {
  const client = new SdkClient(info, { capabilities })
  const face = Object.assign(client, {
    ask: (method: string) => client.request({ method, params: {} }, ResultSchema)
  })
  client.setRequestHandler(ElicitRequestSchema, async () => {
    await target.onForm(face)
    return { action: "accept", content: {} }
  })
  const transport = new SdkTransport(new URL(target.url), { requestInit: requestInit(target) })
  // The SDK's own types are not written for exactOptionalPropertyTypes.
  await client.connect(transport as Parameters<typeof client.connect>[0])
  return face
}

const client2 = (mode: "legacy" | { readonly pin: string }) => async (target: Target): Promise<ScenarioClient> => {
  const client = new Client(info, { capabilities, versionNegotiation: { mode } })
  const face = Object.assign(client, {
    ask: (method: string) => client.request({ method, params: {} }, anything)
  })
  client.setRequestHandler("elicitation/create", async () => {
    await target.onForm(face)
    return { action: "accept", content: {} }
  })
  await client.connect(new StreamableHTTPClientTransport(new URL(target.url), { requestInit: requestInit(target) }))
  return face
}

/** By package and by the era that the suite asks for. */
export const scenarioClients = {
  "sdk 1.32": sdk,
  "client 2.4": client2("legacy"),
  "client 2.4, modern": client2({ pin: "2026-07-28" })
}
