/** The four processes of the pod's life, and what can be seen of them from outside. */
import { randomBytes } from "node:crypto"
import { chmodSync, chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { readLedger } from "../../support/relay/Ledger.ts"
import { isRoot, makeUser, PodProcess, type PodUser } from "./PodProcess.ts"
import { layOutPrograms, type Programs } from "./podPrograms.ts"

export interface PlaneRecord {
  readonly type: string
  readonly payload: string
  /** The record's idempotency key; empty where the plane said it itself. */
  readonly key: string
}

export class Pod {
  plane!: PodProcess
  relay!: PodProcess
  holdfast!: PodProcess
  agent!: PodProcess
  readonly credentials: ReadonlyArray<string> = [1, 2].map(() => randomBytes(16).toString("hex"))
  readonly users: Readonly<Record<"plane" | "relay" | "holdfast" | "agent", PodUser>>
  readonly #programs: Programs
  readonly agentSecret = randomBytes(32).toString("base64url")
  readonly #ports = { plane: 0, token: 0, relay: 0, holdfast: 0 }
  /** What each life of Holdfast has printed. */
  #printed = ""

  constructor(place: string, programs: Programs) {
    this.#programs = programs
    const [plane, relay, holdfast, agent] = ["plane", "relay", "holdfast", "agent"].map((name, number) =>
      makeUser(place, name, number)
    ) as [PodUser, PodUser, PodUser, PodUser]
    this.users = { plane, relay, holdfast, agent }
  }

  async startPlane(): Promise<void> {
    const { plane } = this.users
    this.plane = new PodProcess(plane, this.#programs, [
      this.#programs.plane,
      join(plane.directory, "log.jsonl"),
      String(this.#ports.plane),
      String(this.#ports.token),
      "true",
      this.#programs.proto
    ])
    const { port, tokenPort } = await this.plane.event("it was ready", (event) => "port" in event)
    this.#ports.plane = Number(port)
    this.#ports.token = Number(tokenPort)
  }

  /** It knows one token, the credential of that number. */
  async startRelay(number: 1 | 2): Promise<void> {
    const { relay } = this.users
    const file = (name: string): string => join(relay.directory, name)
    const config = {
      port: this.#ports.relay,
      ledgerFile: file("ledger.jsonl"),
      requestsFile: file("requests.jsonl"),
      tokens: { [this.credentials[number - 1]!]: { agent: "pod" } }
    }
    this.relay = new PodProcess(relay, this.#programs, [this.#programs.relay, JSON.stringify(config)])
    this.#ports.relay = Number((await this.relay.event("it was ready", (event) => "port" in event))["port"])
  }

  async startHoldfast(): Promise<void> {
    const { holdfast } = this.users
    if (this.#ports.holdfast === 0) this.#write(holdfast, "holdfast.json", JSON.stringify(this.#settings()))
    else this.#printed += this.holdfast.output
    rmSync(this.#dataFile("endpoint.json"), { force: true })
    this.holdfast = new PodProcess(holdfast, this.#programs, [
      this.#programs.holdfast,
      "serve",
      "--config",
      join(holdfast.directory, "holdfast.json"),
      "--data-dir",
      this.dataDir,
      "--port",
      String(this.#ports.holdfast)
    ], { HOLDFAST_AGENT_SECRET: this.agentSecret })
    this.#ports.holdfast = (await this.#endpoint()).port
  }

  async startAgent(): Promise<void> {
    const { agent } = this.users
    const secret = this.#write(agent, "secret", this.agentSecret)
    const url = `http://127.0.0.1:${this.#ports.holdfast}/mcp`
    this.agent = new PodProcess(agent, this.#programs, [this.#programs.agent, url, secret])
    await this.agent.event("it was connected", (event) => "connected" in event)
  }

  /** Its supervisor lives on. */
  async killDaemon(): Promise<void> {
    const { pid } = await this.#endpoint()
    rmSync(this.#dataFile("endpoint.json"))
    process.kill(pid, "SIGKILL")
    await this.#endpoint()
  }

  async message(body: string): Promise<void> {
    await this.plane.order({ say: { type: "user", payload: JSON.stringify({ from: "platform", body }) } }, "done")
  }

  async credential(number: 1 | 2): Promise<void> {
    const token = this.credentials[number - 1]
    const payload = JSON.stringify({ name: "relay", token, expiresAt: Date.now() + 3_600_000 })
    await this.plane.order({ say: { type: "credential", payload } }, "done")
  }

  /** What the relay accepted under the plane's credential, in order. */
  ledger(): ReadonlyArray<string> {
    return readLedger(join(this.users.relay.directory, "ledger.jsonl"))
      .filter(({ agent }) => agent === "pod")
      .map((entry) => String(entry.arguments["text"]))
  }

  /** The plane's log, in the order in which it came there. */
  planeLog(): ReadonlyArray<PlaneRecord> {
    const lines = readFileSync(join(this.users.plane.directory, "log.jsonl"), "utf8").split("\n").slice(0, -1)
    return lines.map((line) => JSON.parse(line)).map(({ event_type, key, payload }) => ({
      type: event_type,
      payload,
      key
    }))
  }

  /** The journal as the admin API streams it. */
  async events(): Promise<string> {
    return await (await this.#ask("/api/events?follow=false")).text()
  }

  /** How many messages in the inbox are unread, or how many there are. */
  async messages(which: "unread" | "all"): Promise<number> {
    const path = `/api/inbox?agent=default&limit=100${which === "unread" ? "&unread=true" : ""}`
    const { messages } = (await (await this.#ask(path)).json()) as { readonly messages: ReadonlyArray<unknown> }
    return messages.length
  }

  /** What Holdfast has printed in all its lives. */
  get printed(): string {
    return this.#printed + this.holdfast.output
  }

  get dataDir(): string {
    return join(this.users.holdfast.directory, "data")
  }

  /** Under which users the four run; fails where one has a right, or shares a user. */
  rights(): string {
    const all = [this.plane, this.relay, this.holdfast, this.agent].map(({ rights }) => rights)
    if (!isRoot || all.includes(undefined)) return "under your own user"
    const uids = all.flatMap((one) => one?.uids ?? [])
    if (new Set(uids).size !== 4 || uids.includes(0)) throw new Error(`their users are ${uids.join(" ")}`)
    for (const one of all) if (!/^0+$/.test(one?.capabilities ?? "")) throw new Error(`a right: ${one?.capabilities}`)
    return `under the users ${[...new Set(uids)].join(", ")}, none with a capability`
  }

  async end(): Promise<void> {
    for (const one of [this.agent, this.holdfast, this.relay, this.plane]) await (one as PodProcess | undefined)?.kill()
  }

  /** Whether the relay took the credential that the plane pushed, and how many streams agents have open. */
  async status(): Promise<{ readonly isProven: boolean; readonly streams: number }> {
    const { relays } = (await (await this.#ask("/api/status")).json()) as {
      readonly relays: ReadonlyArray<{
        readonly tokens: ReadonlyArray<{ readonly proven?: boolean; readonly state: string }>
        readonly sessions: { readonly streams: number }
      }>
    }
    return {
      isProven: relays.every(({ tokens }) => tokens.every(({ proven, state }) => state === "valid" && proven === true)),
      streams: relays.reduce((sum, { sessions }) => sum + sessions.streams, 0)
    }
  }

  async #ask(path: string): Promise<Response> {
    const secret = readFileSync(this.#dataFile("admin-secret"), "utf8").trim()
    const url = new URL(path, `http://127.0.0.1:${this.#ports.holdfast}`)
    const response = await fetch(url, { headers: { authorization: `Bearer ${secret}` } })
    if (!response.ok) throw new Error(`${path} was answered with ${response.status}`)
    return response
  }

  #settings() {
    return {
      relay: { url: `http://127.0.0.1:${this.#ports.relay}/mcp` },
      token: { uplink: "platform/relay" },
      inbox: { tool: "read_inbox" },
      uplinks: {
        platform: {
          url: `http://127.0.0.1:${this.#ports.plane}`,
          session: "s-1",
          token: { url: `http://127.0.0.1:${this.#ports.token}/token` }
        }
      }
    }
  }

  #dataFile(name: string): string {
    return join(this.dataDir, name)
  }

  #write({ directory, uid }: PodUser, name: string, text: string): string {
    const file = join(directory, name)
    writeFileSync(file, text, { mode: 0o600 })
    if (uid !== undefined) chownSync(file, uid, uid)
    return file
  }

  async #endpoint(): Promise<{ readonly pid: number; readonly port: number }> {
    const file = this.#dataFile("endpoint.json")
    while (!existsSync(file)) {
      if (this.holdfast.child.exitCode !== null) throw new Error(`Holdfast ended\n${this.holdfast.output}`)
      await sleep(20)
    }
    return JSON.parse(readFileSync(file, "utf8"))
  }
}

/** Whatever becomes of it, no process and no file is left. */
export const inPod = async (life: (pod: Pod) => Promise<void>): Promise<void> => {
  // Of root's own temporary directories other users may read none.
  const place = mkdtempSync(join(isRoot ? "/tmp" : tmpdir(), "holdfast-pod-"))
  let pod: Pod | undefined
  const end = async () => {
    await pod?.end()
    rmSync(place, { recursive: true, force: true, maxRetries: 5 })
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void end().then(() => process.exit(1)))
  }
  try {
    chmodSync(place, 0o755)
    pod = new Pod(place, await layOutPrograms(place))
    await life(pod)
  } finally {
    await end()
  }
}
