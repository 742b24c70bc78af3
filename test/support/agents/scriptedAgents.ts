/** How each agent's command line is started so that its model is the test. */
import { Effect } from "effect"
import { anthropicMessages } from "./anthropicMessages.ts"
import { geminiContents } from "./geminiContents.ts"
import { openaiResponses } from "./openaiResponses.ts"
import type { RealAgent } from "./realAgent.ts"
import type { Dialect, scriptedModel } from "./ScriptedModel.ts"

export interface ScriptedAgent {
  readonly agent: RealAgent
  readonly dialect: Dialect
  readonly args: (origin: string) => ReadonlyArray<string>
  /** What else is in the user's home before the agent's first start. */
  readonly settings?: readonly [file: ReadonlyArray<string>, text: string]
  readonly environment: (origin: string) => Readonly<Record<string, string>>
  /** Not in the era without sessions, which Claude Code speaks. */
  readonly hasSessions: boolean
  /** A call that lets some time pass: not each waits for its servers before it asks its model. */
  readonly pause: readonly [tool: string, input: Readonly<Record<string, unknown>>]
  /** How it names a tool of the server `holdfast` to its model. */
  readonly named: (tool: string) => string
}

const provider = (origin: string) =>
  `model_providers.scripted={name="scripted",base_url="${origin}/v1",env_key="OPENAI_API_KEY",wire_api="responses"}`

export const scriptedAgents: ReadonlyArray<ScriptedAgent> = [
  {
    agent: "claude",
    dialect: anthropicMessages,
    args: () => ["-p", "go", "--allowedTools", "mcp__holdfast"],
    environment: (origin) => ({ ANTHROPIC_BASE_URL: origin, ANTHROPIC_API_KEY: "dummy" }),
    hasSessions: false,
    pause: ["WaitForMcpServers", {}],
    named: (tool) => `mcp__holdfast__${tool}`
  },
  {
    agent: "codex",
    dialect: openaiResponses,
    args: (origin) => [
      "exec",
      "--skip-git-repo-check",
      "--dangerously-bypass-approvals-and-sandbox",
      "-m",
      "scripted",
      "-c",
      "model_provider=scripted",
      "-c",
      provider(origin),
      "go"
    ],
    environment: () => ({ OPENAI_API_KEY: "dummy" }),
    hasSessions: true,
    pause: ["exec_command", { cmd: "sleep 1" }],
    named: (tool) => `mcp__holdfast/${tool}`
  },
  {
    agent: "gemini",
    dialect: geminiContents,
    args: () => ["-p", "go", "--yolo", "-m", "gemini-2.5-flash"],
    settings: [[".gemini", "settings.json"], `{"security":{"auth":{"selectedType":"gemini-api-key"}}}`],
    environment: (origin) => ({
      GEMINI_CLI_TRUST_WORKSPACE: "true",
      GEMINI_CLI_NO_RELAUNCH: "true",
      GEMINI_API_KEY: "dummy",
      GOOGLE_GEMINI_BASE_URL: origin
    }),
    hasSessions: true,
    pause: ["run_shell_command", { command: "sleep 1" }],
    named: (tool) => `mcp_holdfast_${tool}`
  }
]

/** The question that shows `tool` to the model: not always the first one. */
export const questionWith = Effect.fnUntraced(
  function*({ named, pause }: ScriptedAgent, model: Effect.Success<ReturnType<typeof scriptedModel>>, tool: string) {
    let asked = yield* model.question
    for (let tries = 0; tries < 20 && !asked.tools.includes(named(tool)); tries++) asked = yield* model.call(...pause)
    return asked
  }
)
