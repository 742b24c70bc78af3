/** Whether a client that reads its file reaches the endpoint: its entry is carried out as the client would. */
import { Effect, FileSystem, Option, Schema } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { spawn } from "node:child_process"
import type { Client, Registration } from "../../clients/Client.ts"
import { type ClientEntry, headersLine, stdioCommand } from "../../clients/ClientEntry.ts"
import { type Check, ok, problem } from "../doctor/Check.ts"
import { command } from "./command.ts"

const Headers = Schema.fromJsonString(Schema.Record(Schema.String, Schema.String))

/** Claude Code gives it 10 s. */
const helperTimeout = 10_000

/** Prints headers that the endpoint takes; without a session the question changes nothing. */
const headersWork = Effect.fnUntraced(function*(entry: ClientEntry) {
  const { ok, stderr, stdout } = yield* command("sh", ["-c", headersLine(entry)], helperTimeout)
  const headers = ok ? Schema.decodeOption(Headers)(stdout.trim()) : Option.none()
  if (Option.isNone(headers)) return `its command for the headers fails: ${stderr.trim() || "it printed none"}`
  const http = yield* HttpClient.HttpClient
  const status = yield* http.execute(
    HttpClientRequest.post(entry.url).pipe(
      HttpClientRequest.setHeaders({ ...headers.value, accept: "application/json, text/event-stream" }),
      HttpClientRequest.bodyText("{}", "application/json")
    )
  ).pipe(Effect.map(({ status }) => status), Effect.timeout("5 seconds"), Effect.orElseSucceed(() => 0))
  if (status === 0) return `${entry.url} does not answer`
  return status === 401 ? `${entry.url} refuses the secret that its command prints` : undefined
})

const hello = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "holdfast-connect", version: "1" } }
})

/** Answers initialize. It gets what the clients pass on, which is little. */
const stdioWorks = (entry: ClientEntry): Effect.Effect<string | undefined> => {
  const { args, command: program } = stdioCommand(entry)
  return Effect.callback<string | undefined>((resume) => {
    const env = { PATH: process.env["PATH"], HOME: process.env["HOME"] }
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env })
    let out = ""
    let err = ""
    let found: { readonly fault: string | undefined } | undefined
    /** With its input it ends its session; one that does not end is killed. */
    const done = (fault: string | undefined) => {
      if (found !== undefined) return
      found = { fault }
      child.stdin.end()
      const late = setTimeout(() => child.kill(), 3_000)
      child.once("close", () => {
        clearTimeout(late)
        resume(Effect.succeed(fault))
      })
    }
    child.stdin.on("error", () => {})
    child.stdout.on("data", (chunk) => {
      out += String(chunk)
      if (/"result"/.test(out)) done(undefined)
      else if (/"error"/.test(out)) done(`its command answers with an error: ${out.slice(0, 300)}`)
    })
    child.stderr.on("data", (chunk) => err += String(chunk))
    child.once("error", (error) => done(`its command does not start: ${error.message}`))
    child.once("exit", () => done(`its command ended: ${err.trim()}`))
    child.stdin.write(`${hello}\n`)
    return Effect.sync(() => child.kill())
  }).pipe(
    Effect.timeoutOrElse({
      duration: "20 seconds",
      orElse: () => Effect.succeed("its command has not answered for 20 s")
    })
  )
}

export const clientCheck = Effect.fnUntraced(function*(
  { title }: Client,
  registration: Registration,
  entry: ClientEntry
): Effect.fn.Return<Check, never, FileSystem.FileSystem | HttpClient.HttpClient> {
  const fs = yield* FileSystem.FileSystem
  const file = registration.file(process.env)
  const text = yield* Effect.orElseSucceed(fs.readFileString(file), () => "")
  if (!registration.holds(text, entry)) {
    return problem(title, `${file} does not hold the entry ${entry.name}`, "\"holdfast connect\" again")
  }
  const fault = yield* registration.way === "headers" ? headersWork(entry) : stdioWorks(entry)
  if (fault !== undefined) return problem(title, fault, "\"holdfast doctor\"; then \"holdfast connect\" again")
  return ok(
    title,
    `${entry.name} in ${file}; ${registration.way === "headers" ? "its headers are taken" : "it answers"}`
  )
})
