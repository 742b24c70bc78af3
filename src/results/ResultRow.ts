/** A kept result as its table has it. */
import { Option, Schema } from "effect"
import { AgentName } from "../domain/Ids.ts"
import * as JsonText from "../domain/JsonText.ts"
import { ResumePoint } from "../relay/ResumePoint.ts"
import { type KeptResult, Resend, type ResultState, type RunningCall } from "./KeptResult.ts"

export interface Row {
  readonly id: number
  readonly agent: string
  readonly tool: string
  readonly only_reads: number
  readonly state: ResultState
  readonly called_at: number
  readonly ended_at: number | null
  readonly told_at: number | null
  readonly resume: string | null
  readonly resend: string | null
  readonly response: string | null
  readonly bytes: number
}

const ResumeText = Schema.fromJsonString(ResumePoint)
export const encodeResume = Schema.encodeSync(ResumeText)
const decodeResume = Schema.decodeOption(ResumeText)
const ResendText = Schema.fromJsonString(Resend)
export const encodeResend = Schema.encodeSync(ResendText)
const decodeResend = Schema.decodeOption(ResendText)

/** What was not sent is to be tried anew, and what only reads may be. */
export const mayAnswer = ({ only_reads, response, state }: Row): boolean =>
  state === "answered"
  || (only_reads === 0 && JsonText.at(response ?? "{}", ["error", "data", "delivery"]) !== "\"not sent\"")

export const resultOf = (row: Row): KeptResult => ({
  id: row.id,
  agent: AgentName.make(row.agent),
  tool: row.tool,
  state: row.state,
  calledAt: row.called_at,
  endedAt: Option.fromNullishOr(row.ended_at),
  toldAt: Option.fromNullishOr(row.told_at),
  bytes: row.bytes,
  response: Option.fromNullishOr(row.response)
})

export const runningCallOf = (row: Row): RunningCall => ({
  id: row.id,
  agent: AgentName.make(row.agent),
  onlyReads: row.only_reads === 1,
  calledAt: row.called_at,
  tool: row.tool,
  resume: Option.flatMap(Option.fromNullishOr(row.resume), decodeResume),
  resend: Option.flatMap(Option.fromNullishOr(row.resend), decodeResend)
})
