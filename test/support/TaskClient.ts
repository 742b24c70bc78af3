/** The official client of the modern era with the official requester of the tasks extension on it. */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { createTaskSessionFromClient, type TaskEnabledSession } from "@modelcontextprotocol/ext-tasks/client"
import type { JsonValue } from "@modelcontextprotocol/ext-tasks/core"
import { contributeTaskFilterV2 } from "@modelcontextprotocol/ext-tasks/core/v2"
import { Effect, type Scope } from "effect"
import { answerIn, post } from "../system/eras/RawModern.ts"
import type { Daemon } from "./Daemon.ts"

const protocolVersion = "2026-07-28"
const clientInfo = { name: "tasks-client", version: "1" }
const clientCapabilities = { extensions: { "io.modelcontextprotocol/tasks": {} } }

type Target = Pick<Daemon, "url" | "secret">

let lastId = 0

/** What the client itself cannot carry goes over the wire by hand, as its hosts do it. */
const dispatch = (target: Target) => async (request: JsonValue) => {
  const { method, params } = request as { readonly method: string; readonly params: Readonly<Record<string, unknown>> }
  const name = params["name"] ?? params["taskId"]
  const text = JSON.stringify({ jsonrpc: "2.0", id: ++lastId, method, params })
  const headers = name === undefined ? {} : { "mcp-name": String(name) }
  const { error, result } = JSON.parse(answerIn(await Effect.runPromise(post(target, method, text, headers))))
  return error === undefined ? { kind: "result" as const, result } : { kind: "error" as const, error }
}

interface TaskClient {
  readonly session: TaskEnabledSession
  /** Listens for these tasks until the scope ends. */
  readonly listen: (taskIds: ReadonlyArray<string>) => Effect.Effect<void, never, Scope.Scope>
  /** What came by `notifications/tasks`, and the requester was given, too. */
  readonly told: Effect.Effect<ReadonlyArray<Readonly<Record<string, unknown>>>>
}

/** Until the scope ends. Throws where the server does not offer the extension to this client. */
export const listeningTaskClient = (target: Target): Effect.Effect<TaskClient, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new Client(clientInfo, {
        capabilities: clientCapabilities,
        versionNegotiation: { mode: { pin: protocolVersion } }
      })
      const told: Array<Readonly<Record<string, unknown>>> = []
      client.fallbackNotificationHandler = async ({ method, params }) => {
        if (method === "notifications/tasks") told.push(params ?? {})
      }
      const requestInit = { headers: { authorization: `Bearer ${target.secret}` } }
      await client.connect(new StreamableHTTPClientTransport(new URL(target.url), { requestInit }))
      const session = createTaskSessionFromClient(client, {
        endpointId: "holdfast",
        rawDispatch: dispatch(target),
        v2RequestFraming: { protocolVersion, clientInfo, clientCapabilities }
      })
      return { session, client, told }
    }),
    ({ client, session }) => Effect.promise(() => session.close().then(() => client.close()).catch(() => {}))
  ).pipe(Effect.map(({ client, session, told }) => ({
    session,
    told: Effect.sync(() => [...told]),
    listen: (taskIds) => {
      // The client's types do not know the extension's part of the filter.
      const filter: object = contributeTaskFilterV2({}, taskIds).notifications
      return Effect.asVoid(Effect.acquireRelease(
        Effect.promise(() => client.listen(filter)),
        (subscription) => Effect.promise(() => subscription.close().catch(() => {}))
      ))
    }
  })))

export const taskClient = (target: Target) => Effect.map(listeningTaskClient(target), ({ session }) => session)
