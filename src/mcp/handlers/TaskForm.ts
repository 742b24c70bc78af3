/** A task of Holdfast's own as the extension has it on the wire (MCP, ext-tasks 2026-07-28). */
import { DateTime, Duration, Option, Schema } from "effect"
import * as EraForm from "../../domain/EraForm.ts"
import { codes } from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import * as TasksExtension from "../../domain/TasksExtension.ts"
import type { Task } from "../../results/Tasks.ts"
import { RpcError } from "./Handler.ts"

/** It is on this machine, so to be asked costs little; milliseconds. */
const pollInterval = 1_000

type Status = "working" | "completed" | "failed" | "cancelled"

const statusOf = ({ state }: Task): Status => {
  switch (state) {
    case "running":
    case "queued":
      return "working"
    case "answered":
      return "completed"
    default:
      return state
  }
}

export const hasEnded = (task: Task): boolean => statusOf(task) !== "working"

const messageOf = (task: Task): string | undefined => {
  switch (task.state) {
    case "failed":
      return Option.getOrUndefined(text(JsonText.at(Option.getOrElse(task.response, () => "{}"), ["error", "message"])))
    case "running":
      return "The relay is still at work on it."
    case "queued":
      return "The call is queued and safe on disk: it is delivered once the relay takes it. Do not repeat it."
    default:
      return undefined
  }
}

const text = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.String))

const at = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))

/** Its members; the last one is left open for more. Without an end it is kept for as long as its call takes. */
const members = (task: Task, keep: Duration.Duration, message: string | undefined): string => {
  const { calledAt, id } = task
  const endedAt = Option.getOrUndefined(task.endedAt)
  const ttl = endedAt === undefined ? null : endedAt - calledAt + Duration.toMillis(keep)
  return [
    `"taskId":${JSON.stringify(id)}`,
    `"status":"${statusOf(task)}"`,
    ...(message === undefined ? [] : [`"statusMessage":${JSON.stringify(message)}`]),
    `"createdAt":"${at(calledAt)}"`,
    `"lastUpdatedAt":"${at(endedAt ?? calledAt)}"`,
    `"ttlMs":${ttl}`,
    ...(hasEnded(task) ? [] : [`"pollIntervalMs":${pollInterval}`])
  ].join(",")
}

/** The result of the call that it is made of. */
export const created = (task: Task, keep: Duration.Duration, message = messageOf(task)): string =>
  `{"resultType":"task",${members(task, keep, message)}}`

/** The result of `tasks/get`. */
export const detailed = (task: Task, keep: Duration.Duration): string =>
  `{"resultType":"complete",${whole(task, keep)}}`

/** Says how the task stands to who listens for it. */
export const notification = (task: Task, keep: Duration.Duration): string =>
  `{"jsonrpc":"2.0","method":"notifications/tasks","params":{${whole(task, keep)}}}`

/** Its members, with what came of its call. */
const whole = (task: Task, keep: Duration.Duration): string => {
  const response = Option.getOrElse(task.response, () => "{}")
  const result = JsonText.at(response, ["result"])
  const error = JsonText.at(response, ["error"])
  const outcome = task.state === "answered"
    ? `,"result":${EraForm.modernResult(result ?? "{}", "tools/call")}`
    : task.state === "failed"
    ? `,"error":${error ?? `{"code":${codes.internal},"message":"nothing is known of it"}`}`
    : ""
  return `${members(task, keep, messageOf(task))}${outcome}`
}

/** As a server of the extension has to say it to a client that does not declare it. */
export const undeclared = new RpcError({
  code: codes.missingCapability,
  message: `Missing required client capability: ${TasksExtension.name}`,
  data: { requiredCapabilities: { extensions: { [TasksExtension.name]: {} } } },
  status: 400
})
