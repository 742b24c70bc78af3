/**
 * A relay without sessions that has tasks (MCP, ext-tasks 2026-07-28), by hand, since no official package serves them: the
 * tools that the conformance suite's scenarios of tasks call for.
 */
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { listening } from "./webServer.ts"

const extension = "io.modelcontextprotocol/tasks"
const prefix = "io.modelcontextprotocol/"

type Json = Readonly<Record<string, unknown>>

interface Task {
  readonly taskId: string
  readonly createdAt: string
  lastUpdatedAt: string
  status: "working" | "input_required" | "completed" | "failed" | "cancelled"
  inputRequests: Record<string, Json>
  outcome: Json
  /** Answers to what was asked, until all are there. */
  readonly answers: Record<string, Json>
  readonly onAnswers: ((answers: Json) => Json) | undefined
  timer: NodeJS.Timeout | undefined
}

class Refused extends Error {
  readonly code: number
  readonly status: number
  readonly data: Json | undefined
  constructor(code: number, message: string, status = 200, data?: Json) {
    super(message)
    this.code = code
    this.status = status
    this.data = data
  }
}

const said = (text: string, isError = false): Json => ({
  resultType: "complete",
  content: [{ type: "text", text }],
  isError
})
const question = (message: string, name = "answer"): Json => ({
  method: "elicitation/create",
  params: {
    mode: "form",
    message,
    requestedSchema: { type: "object", properties: { [name]: { type: "string" } }, required: [name] }
  }
})

const undeclared = () =>
  new Refused(-32021, "Missing required client capability", 400, {
    requiredCapabilities: { extensions: { [extension]: {} } }
  })

const tool = (name: string, properties: Json = {}, taskSupport = "optional") => ({
  name,
  description: "Answers a scenario of the conformance suite.",
  inputSchema: { type: "object", properties },
  execution: { taskSupport }
})
const tools = [
  tool("greet", { name: { type: "string" } }, "forbidden"),
  tool("slow_compute", { seconds: { type: "number" }, label: { type: "string" } }),
  tool("failing_job", {}, "required"),
  tool("protocol_error_job"),
  tool("confirm_delete", { filename: { type: "string" } }),
  tool("multi_input"),
  tool("test_tool_with_task", {}, "required")
]

class TasksServer {
  readonly tasks = new Map<string, Task>()
  readonly listeners = new Set<
    { readonly id: unknown; readonly taskIds: ReadonlyArray<string>; send(text: string): void }
  >()

  #task(outcome: Json, seconds: number, asks: Record<string, Json> = {}, onAnswers?: Task["onAnswers"]): Json {
    const now = new Date().toISOString()
    const asking = Object.keys(asks).length > 0
    const task: Task = {
      taskId: randomUUID(),
      createdAt: now,
      lastUpdatedAt: now,
      status: "working",
      inputRequests: asks,
      outcome,
      answers: {},
      onAnswers,
      timer: undefined
    }
    this.tasks.set(task.taskId, task)
    const then = asking ? "input_required" : "error" in outcome ? "failed" : "completed"
    task.timer = setTimeout(() => this.#become(task, then), seconds * 1000)
    return { resultType: "task", ...this.#fields(task) }
  }

  #fields({ createdAt, lastUpdatedAt, status, taskId }: Task): Json {
    return { taskId, status, createdAt, lastUpdatedAt, ttlMs: 600_000, pollIntervalMs: 200 }
  }

  #detailed(task: Task): Json {
    const { inputRequests, outcome, status } = task
    const more = status === "input_required"
      ? { inputRequests }
      : status === "completed" || status === "failed"
      ? outcome
      : {}
    return { ...this.#fields(task), ...more }
  }

  #become(task: Task, status: Task["status"]): void {
    if (["completed", "failed", "cancelled"].includes(task.status)) return
    clearTimeout(task.timer)
    task.status = status
    task.lastUpdatedAt = new Date().toISOString()
    for (const { id, send, taskIds } of this.listeners) {
      if (!taskIds.includes(task.taskId)) continue
      const _meta = { [`${prefix}subscriptionId`]: id }
      const params = { ...this.#detailed(task), _meta }
      send(JSON.stringify({ jsonrpc: "2.0", method: "notifications/tasks", params }))
    }
  }

  async #call(name: string, args: Json, params: Json, declared: boolean): Promise<Json> {
    const required = tools.some((one) => one.name === name && one.execution.taskSupport === "required")
    if (required && !declared) throw undeclared()
    switch (name) {
      case "greet":
        return said(`Hello, ${String(args["name"])}!`)
      case "slow_compute": {
        const seconds = Number(args["seconds"] ?? 0)
        const result = said(`computed ${String(args["label"] ?? "")}`)
        if (declared && seconds > 0) return this.#task({ result }, seconds)
        await new Promise((done) => setTimeout(done, Math.min(seconds, 2) * 1000))
        return result
      }
      case "failing_job":
        return this.#task({ result: said("the job failed", true) }, 1)
      case "protocol_error_job":
        return this.#task({ error: { code: -32603, message: "the job panicked" } }, 0.5)
      case "confirm_delete": {
        const done = () => said(`Deleted ${String(args["filename"])}`)
        return this.#task({}, 0.1, { confirm: question(`Delete ${String(args["filename"])}?`, "confirm") }, done)
      }
      case "multi_input": {
        const asks = { first: question("First?"), second: question("Second?") }
        return this.#task({}, 0.1, asks, (answers) => said(JSON.stringify(answers)))
      }
      case "test_tool_with_task": {
        const responses = params["inputResponses"] as Json | undefined
        if (responses === undefined) {
          const inputRequests = { user_name: question("Your name?", "user_name") }
          return { resultType: "input_required", inputRequests, requestState: "round-1" }
        }
        return this.#task({ result: said(`Hello, ${JSON.stringify(responses["user_name"])}`) }, 0.5)
      }
      default:
        throw new Refused(-32602, `Tool ${name} not found`)
    }
  }

  #of(params: Json, declared: boolean): Task {
    if (!declared) throw undeclared()
    const task = this.tasks.get(String(params["taskId"]))
    if (task === undefined) throw new Refused(-32602, "Task not found")
    return task
  }

  #update(task: Task, responses: Record<string, Json>): void {
    for (const [key, response] of Object.entries(responses)) {
      if (task.inputRequests[key] === undefined) continue
      task.answers[key] = response
      delete task.inputRequests[key]
    }
    if (task.status !== "input_required" || Object.keys(task.inputRequests).length > 0) return
    task.outcome = { result: task.onAnswers?.(task.answers) ?? said("done") }
    this.#become(task, "completed")
  }

  async result(method: string, params: Json, declared: boolean): Promise<Json> {
    const complete = { resultType: "complete" }
    switch (method) {
      case "server/discover":
        return {
          ...complete,
          supportedVersions: ["2026-07-28"],
          capabilities: { tools: {}, extensions: { [extension]: {} } },
          ttlMs: 0,
          cacheScope: "private"
        }
      case "tools/list":
        return { ...complete, tools, ttlMs: 0, cacheScope: "private" }
      case "tools/call":
        return this.#call(String(params["name"]), (params["arguments"] ?? {}) as Json, params, declared)
      case "tasks/get":
        return { ...complete, ...this.#detailed(this.#of(params, declared)) }
      case "tasks/update":
        this.#update(this.#of(params, declared), (params["inputResponses"] ?? {}) as Record<string, Json>)
        return complete
      case "tasks/cancel":
        this.#become(this.#of(params, declared), "cancelled")
        return complete
      default:
        throw new Refused(-32601, `Method not found: ${method}`, 404)
    }
  }

  /** Tells of the tasks that were named, until its reader goes. */
  listen(id: unknown, notifications: Json, gone: AbortSignal): Response {
    const taskIds = ((notifications["taskIds"] ?? []) as ReadonlyArray<string>).filter((one) => this.tasks.has(one))
    const encoder = new TextEncoder()
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const send = (text: string) => controller.enqueue(encoder.encode(`data: ${text}\n\n`))
        const params = {
          notifications: taskIds.length === 0 ? {} : { taskIds },
          _meta: { [`${prefix}subscriptionId`]: id }
        }
        send(JSON.stringify({ jsonrpc: "2.0", method: "notifications/subscriptions/acknowledged", params }))
        const listener = { id, taskIds, send }
        this.listeners.add(listener)
        gone.addEventListener("abort", () => this.listeners.delete(listener))
      }
    })
    return new Response(body, { headers: { "content-type": "text/event-stream" } })
  }
}

/** Its URL, while the scope is open. */
export const tasksRelay = Effect.gen(function*() {
  const server = new TasksServer()
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const { timer } of server.tasks.values()) clearTimeout(timer)
    })
  )
  return yield* listening(async (request) => {
    if (request.method !== "POST") return new Response(null, { status: 405 })
    const { id = null, method, params = {} } = await request.json() as {
      readonly id?: unknown
      readonly method: string
      readonly params?: Json
    }
    const failed = ({ code, data, message, status }: Refused) =>
      Response.json({ jsonrpc: "2.0", id, error: { code, message, ...(data === undefined ? {} : { data }) } }, {
        status
      })
    if (id === null) return new Response(null, { status: 202 })
    const meta = (params["_meta"] ?? {}) as Json
    if (meta[`${prefix}protocolVersion`] !== "2026-07-28") {
      const supported = { supported: ["2026-07-28"], requested: String(meta[`${prefix}protocolVersion`]) }
      return failed(new Refused(-32022, "Unsupported protocol version", 400, supported))
    }
    const named = request.headers.get("mcp-name")
    const name = params["name"] ?? params["taskId"]
    if (request.headers.get("mcp-method") !== method || (named !== null && named !== name)) {
      return failed(new Refused(-32020, "Header mismatch", 400))
    }
    const capabilities = (meta[`${prefix}clientCapabilities`] ?? {}) as { readonly extensions?: Json }
    if (method === "subscriptions/listen") {
      return server.listen(id, (params["notifications"] ?? {}) as Json, request.signal)
    }
    try {
      const result = await server.result(method, params, capabilities.extensions?.[extension] !== undefined)
      return Response.json({ jsonrpc: "2.0", id, result })
    } catch (error) {
      return failed(error instanceof Refused ? error : new Refused(-32603, String(error)))
    }
  })
})
