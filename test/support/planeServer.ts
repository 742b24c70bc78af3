/**
 * A control plane as a process of its own, from the same proto by another library. Its log is a file, so that it lives on
 * when the process is killed. Orders come as lines of JSON on standard input; what it did goes to standard output.
 *
 * `node planeServer.ts FILE PORT TOKENPORT DEDUPE [PROTO [PEM]]`; port 0 is any. PEM has a key and its certificate: then
 * it speaks TLS.
 */
import * as grpc from "@grpc/grpc-js"
import { loadSync } from "@grpc/proto-loader"
import { appendFileSync, existsSync, readFileSync } from "node:fs"
import { createServer } from "node:http"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

interface Logged {
  readonly id: string
  readonly seq: string
  readonly event_type: string
  readonly payload: string
  readonly key: string
}

interface Order {
  /** Puts a message of the plane's into the log. */
  readonly say?: { readonly type: string; readonly payload: string }
  /** Pushes and watches are answered with this status; 0 is none. */
  readonly refuse?: number
  /** Pushes are taken, and not answered. */
  readonly silent?: boolean
  /** The so manieth push from now is refused with this status, once. */
  readonly refuseAt?: { readonly push: number; readonly code: number }
  /** The process kills itself at the so manieth push from now, before or after it is in the log. */
  readonly killAt?: { readonly push: number; readonly after: boolean }
  /** From now on only this token is good; streams with another one end. */
  readonly token?: string
}

const ownProto = fileURLToPath(new URL("../../src/uplink/ambient.proto", import.meta.url))
const [file = "", port = "0", tokenPort = "0", dedupe = "true", proto = ownProto, pem] = process.argv.slice(2)
const log: Array<Logged> = existsSync(file)
  ? readFileSync(file, "utf8").split("\n").filter((line) => line !== "").map((line) => JSON.parse(line))
  : []
const print = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`)

type Watcher = grpc.ServerWritableStream<{ readonly after_seq?: string }, unknown>
const watchers = new Set<Watcher>()
let order: Order = {}
let token = ""
let pushes = 0
let refuseIn = 0
let minted = 0

const append = (event_type: string, payload: string, key: string): Logged => {
  const seq = String(log.length + 1)
  const logged = { id: `message-${seq}`, seq, event_type, payload, key }
  appendFileSync(file, `${JSON.stringify(logged)}\n`)
  log.push(logged)
  for (const watcher of watchers) watcher.write(message(logged))
  return logged
}

const message = ({ event_type, id, payload, seq }: Logged) => ({
  id,
  seq,
  event_type,
  payload,
  session_id: "s-1",
  created_at: { seconds: 1, nanos: 0 }
})

const refused = (metadata: grpc.Metadata): number => {
  if (order.refuse !== undefined && order.refuse !== 0) return order.refuse
  return token === "" || metadata.get("authorization")[0] === `Bearer ${token}` ? 0 : grpc.status.UNAUTHENTICATED
}

const die = (): void => void process.kill(process.pid, "SIGKILL")

const service = {
  PushSessionMessage: (
    call: grpc.ServerUnaryCall<{ readonly event_type: string; readonly payload: string }, unknown>,
    callback: grpc.sendUnaryData<unknown>
  ) => {
    const code = refused(call.metadata)
    if (code !== 0) return callback({ code, details: "as ordered" })
    pushes++
    if (refuseIn > 0 && --refuseIn === 0) return callback({ code: order.refuseAt?.code ?? 0, details: "as ordered" })
    const isLast = order.killAt !== undefined && --(order.killAt as { push: number }).push <= 0
    if (isLast && order.killAt?.after === false) return die()
    const key = String(call.metadata.get("idempotency-key")[0])
    const before = dedupe === "true" ? log.find((logged) => logged.key === key) : undefined
    const logged = before ?? append(call.request.event_type, call.request.payload, key)
    if (isLast) return die()
    if (order.silent === true) return undefined
    return callback(null, message(logged))
  },
  WatchSessionMessages: (call: Watcher) => {
    const code = refused(call.metadata)
    if (code !== 0) return void call.emit("error", { code, details: "as ordered" })
    for (const logged of log) if (Number(logged.seq) > Number(call.request.after_seq ?? 0)) call.write(message(logged))
    watchers.add(call)
    call.on("cancelled", () => watchers.delete(call))
    print({ watching: Number(call.request.after_seq ?? 0) })
  }
}

const inboxService = {
  // No cursor: all that there is, each time.
  WatchInboxMessages: (call: grpc.ServerWritableStream<{ readonly agent_id: string }, unknown>) => {
    const code = refused(call.metadata)
    if (code !== 0) return void call.emit("error", { code, details: "as ordered" })
    call.write({ id: "inbox-1", agent_id: call.request.agent_id, from_name: "Ann", body: "for you alone" })
    print({ watchingInbox: call.request.agent_id })
  }
}

const { ambient } = grpc.loadPackageDefinition(loadSync(proto, { keepCase: true, longs: String })) as unknown as {
  readonly ambient: { readonly v1: Record<string, { readonly service: grpc.ServiceDefinition }> }
}
const server = new grpc.Server()
server.addService(ambient.v1["SessionService"]!.service, service)
server.addService(ambient.v1["InboxService"]!.service, inboxService)

/** Mints the token that is good now, each time another one where there is none. */
const minter = createServer((_, response) => {
  minted++
  response.setHeader("content-type", "application/json").end(JSON.stringify({ token: token === "" ? "any" : token }))
})

createInterface({ input: process.stdin }).on("line", (line) => {
  const next: Order = JSON.parse(line)
  order = { ...order, ...next }
  if (next.refuseAt !== undefined) refuseIn = next.refuseAt.push
  if (next.say !== undefined) append(next.say.type, next.say.payload, "")
  if (next.token !== undefined) {
    token = next.token
    for (const watcher of watchers) watcher.emit("error", { code: grpc.status.UNAUTHENTICATED, details: "expired" })
    watchers.clear()
  }
  print({ done: next, pushes, minted })
}).on("close", () => process.exit(0))

const credentials = (): grpc.ServerCredentials => {
  if (pem === undefined) return grpc.ServerCredentials.createInsecure()
  const pair = readFileSync(pem)
  return grpc.ServerCredentials.createSsl(null, [{ private_key: pair, cert_chain: pair }])
}

server.bindAsync(`127.0.0.1:${port}`, credentials(), (error, bound) => {
  if (error !== null) throw error
  minter.listen(Number(tokenPort), "127.0.0.1", () => {
    const address = minter.address()
    print({ port: bound, tokenPort: typeof address === "object" ? address?.port : undefined })
  })
})
