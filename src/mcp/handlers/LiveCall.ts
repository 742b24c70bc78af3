/**
 * A call of a tool that is under way, and what becomes of its answer (BEHAVIOUR 5, "An answer outlives its call"): who is
 * to get it, and what is written down where nobody may be there when it comes. A call that is answered within a second,
 * while its agent is there, never touches the disk.
 */
import { Effect, type Fiber, Option, Predicate } from "effect"
import type { AgentName } from "../../domain/Ids.ts"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type { Outbox } from "../../outbox/Outbox.ts"
import { unknownOutcome } from "../../relay/link/FailureText.ts"
import type { ResumePoint } from "../../relay/ResumePoint.ts"
import type { NewCall, Resend } from "../../results/KeptResult.ts"
import type { Results } from "../../results/Results.ts"
import type { Task, Tasks } from "../../results/Tasks.ts"
import type { Deadline, Deadlines } from "../../supervision/Deadlines.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import { CallIdentity } from "./CallIdentity.ts"
import { CallRecord, kindOf } from "./CallRecord.ts"
import type { Answer, RequestContext } from "./Handler.ts"

/** After so long a call is written down as under way, milliseconds. */
const notedAfter = 1000
/** Calls of one agent that run on without it; of one more the oldest is given up. */
export const maxAlone = 32

export interface Services {
  readonly deadlines: Deadlines["Service"]
  readonly results: Results["Service"]
  readonly tasks: Tasks["Service"]
  readonly outbox: Outbox["Service"]
  readonly now: () => number
  readonly fork: <A>(work: Effect.Effect<A>) => Fiber.Fiber<A>
  readonly ended: (call: LiveCall) => void
  readonly alone: (call: LiveCall) => void
  /** Whether another call of the agent may run on without it. */
  readonly hasRoom: (agent: AgentName) => boolean
}

/** Holds a call while it is under way. */
export interface Slot {
  call: LiveCall | undefined
}

type Waiting = (answer: Answer | undefined) => void

export class LiveCall {
  readonly slot: Slot = { call: this }
  readonly session: AgentSession
  /** Names the request for its cancellation. */
  readonly asked: string
  readonly tool: string
  /** Which call of the client this is, where it says so. */
  readonly identity: CallIdentity | undefined
  /** It may be queued: then the outbox keeps it, cancels it, and sends it again. */
  mayQueue = false
  resend: Resend | undefined
  onlyReads = false
  /** Runs it. */
  fiber: Fiber.Fiber<unknown> | undefined
  /** Ends the response without an answer. An object and no function, which V8 would keep, and by it the whole call. */
  responder: { readonly abandon: () => void } | undefined
  readonly #services: Services
  readonly #calledAt: number
  /** Runs once it may have reached the relay. */
  #note: Deadline | undefined
  /** Of a call that needs one. */
  #record: CallRecord | undefined
  /** Whether its agent waits for the answer, or it runs on alone. */
  #state: "attended" | "alone" | "ended" = "attended"
  /** Why it was ended before it was done. */
  #stopped: "cancelled" | "given up" | undefined
  /** The one whose answer it waits for. */
  #joined: LiveCall | undefined
  #waiting: Array<Waiting> | undefined
  /** Who is to get the answer, and how many of them did or did not. */
  #receivers = 1
  #missed = 0
  #received = 0
  #hasMissed = false
  /** It failed, and the relay may give its answer all the same. */
  #isLeft = false
  /** The task that its agent was answered with. */
  #task: string | undefined

  constructor(services: Services, { name, request, session }: RequestContext, clientsId: string | undefined) {
    this.#services = services
    this.session = session
    this.asked = name
    this.tool = String(request.params["name"])
    if (clientsId !== undefined) this.identity = new CallIdentity(session, this.tool, clientsId, request.text)
    this.#calledAt = services.now()
  }

  /** As it is written down. */
  get newCall(): NewCall {
    const { identity, onlyReads, resend, session: { agent }, tool } = this
    return { agent, tool, name: identity?.name, onlyReads, resend, calledAt: this.#calledAt }
  }

  /** It may have reached the relay. */
  get isAtRelay(): boolean {
    return this.#note !== undefined
  }

  /** It is about to go to the relay: what waits for a kept answer, for its turn or for the link is no news after a crash. */
  sent(): void {
    if (this.#note !== undefined) return
    this.#note = this.#services.deadlines.after(notedAfter, () => this.#writeDown())
    if (this.#state === "alone") this.#writeDown()
  }

  /** Its agent is asked, and that is on disk: until it is sent again nothing of it is under way that could be lost. */
  waitsForAnswers(): void {
    this.#note?.cancel()
    this.#note = undefined
    this.#record?.withdraw()
  }

  /** The agent is gone, or does not wait for the answer any more. */
  gone(): void {
    if (this.#state !== "attended") return
    this.#state = "alone"
    if (this.#joined !== undefined) return
    this.#services.alone(this)
    if (this.isAtRelay) this.#writeDown()
    if (this.mayQueue) this.#services.outbox.desert(this.session.id, this.asked)
  }

  /** The agent took the call back. Whether the relay is to be told: nobody else waits for it. */
  cancelled(): boolean {
    const isForAll = this.#receivers === 1
    if (isForAll) this.#stopped = "cancelled"
    this.gone()
    this.responder?.abandon()
    return isForAll && this.#joined === undefined
  }

  /** More calls run without their agent than one may have. */
  giveUp(): void {
    this.#stopped ??= "given up"
    this.fiber?.interruptUnsafe()
  }

  /** Whether its agent may be answered a task instead: what may be queued becomes one by itself. */
  get mayBecomeTask(): boolean {
    return this.session.takesTasks && this.isAtRelay && this.isFirst && !this.mayQueue && this.#state === "attended"
      && this.#services.hasRoom(this.session.agent)
  }

  /** A task of it, on disk; none where the disk fails or the agent has too many. */
  get asTask(): Effect.Effect<Option.Option<Task>> {
    return Effect.suspend(() => {
      this.#writeDown()
      const task = this.#onDisk.using((id) => this.#services.tasks.ofRunning(this.newCall, id))
      return Effect.map(task, Option.flatten)
    })
  }

  /** Its agent has the task in the place of the answer. */
  becameTask(id: string): void {
    this.#task = id
    this.gone()
  }

  /** Its agent has not got the task: the answer was quicker, or the connection is gone. */
  withdrawTask(id = this.#task): void {
    this.#task = undefined
    if (id !== undefined) this.#services.fork(this.#services.tasks.withdrawn(this.session.agent, id))
  }

  isTask(id: string): boolean {
    return this.#task === id
  }

  get isAnyTask(): boolean {
    return this.#task !== undefined
  }

  /** Its agent has cancelled its task, which says so already. */
  cancelTask(): void {
    this.#stopped = "cancelled"
    this.fiber?.interruptUnsafe()
  }

  /** The relay's stream can be read on from here. */
  readonly resumable = (resume: ResumePoint): void => this.#onDisk.resumableFrom(resume)

  /** The answer of the first, with whatever id; `undefined` where there will be none. */
  join(first: LiveCall): Effect.Effect<Answer | undefined> {
    return Effect.callback<Answer | undefined>((resume) => {
      this.#joined = first
      first.#receivers++
      first.#waiting ??= []
      first.#waiting.push((answer) => resume(Effect.succeed(answer)))
    })
  }

  /** Whether it asks the relay itself. */
  get isFirst(): boolean {
    return this.#joined === undefined
  }

  /** Whether the answer has to be whole: somebody else waits for it, or it is to be kept. */
  get needsWhole(): boolean {
    return this.#state === "alone" || this.#waiting !== undefined
  }

  /** The answer is there; whoever joined gets it. */
  answered(answer: Answer | undefined): void {
    // What the relay gives to who reads its stream on is no failure yet.
    this.#isLeft = this.#isResumable && answer?.outcome === "error" && deliveryIn(answer) === "unknown"
    const waiting = this.#waiting
    this.#waiting = undefined
    for (const resume of waiting ?? []) resume(answer)
  }

  /** The answer could not leave, or its connection broke before it had left; `undefined` where a part of it is gone. */
  readonly missed = (answer: Answer | undefined): void => {
    if (this.#hasMissed) return
    this.#hasMissed = true
    const first = this.#joined ?? this
    first.#missed++
    const isOurEnd = this.session.isStopping && first.#isResumable && answer?.outcome === "error"
    if (isOurEnd || first.#isLeft) return
    if (first.#missed < first.#receivers && first.#task === undefined) return first.#counted()
    const text = answer?.body._tag === "Whole" ? answer.body.text : halfGone
    first.#keep(text, answer?.outcome === "queued")
  }

  /** A client that had lost its connection has resumed the stream, and has read the answer. */
  readonly readToEnd = (): void => {
    if (this.#missed > 0) this.#record?.given()
  }

  /** Its fiber has ended: with an answer, which left unless `missed` said otherwise, or `interrupted`. */
  ended(interrupted: boolean): void {
    this.#state = "ended"
    this.#note?.cancel()
    this.#services.ended(this)
    for (const resume of this.#waiting ?? []) resume(undefined)
    if (interrupted && this.session.isStopping && this.#isResumable) return this.#leaveToNextLife()
    if (interrupted && this.#stopped === "given up") return this.#keep(givenUp, false)
    if (interrupted && this.#stopped === "cancelled" && this.#task !== undefined) return this.#record?.drop()
    if (this.#isLeft) return this.#onDisk.leave()
    if (this.#hasMissed) return
    const first = this.#joined ?? this
    if (interrupted && first !== this) return void first.#receivers--
    first.#received++
    first.#counted()
  }

  /** Once all have or miss the answer, and somebody has it, nothing is left of the call on disk. */
  #counted(): void {
    if (this.#task !== undefined) return
    if (this.#received > 0 && this.#received + this.#missed >= this.#receivers) this.#record?.drop()
  }

  /** The relay's session has to outlive this process. */
  #leaveToNextLife(): void {
    this.#writeDown()
    const { relay } = this.session
    const open = relay.openNow()
    if (open !== undefined) this.#services.fork(relay.lost(open))
  }

  get #onDisk(): CallRecord {
    return this.#record ??= new CallRecord(this.#services, this)
  }

  get #isResumable(): boolean {
    return this.#record?.isResumable === true
  }

  #writeDown(): void {
    this.#note?.cancel()
    this.#onDisk.begin()
  }

  /** Its agent does not know of the task that this answer gave it. */
  #withdrawTaskIn(text: string): void {
    const id: unknown = JSON.parse(JsonText.at(text, ["result", "taskId"]) ?? "null")
    if (Predicate.isString(id)) this.withdrawTask(id)
  }

  #keep(text: string, queued: boolean): void {
    if (queued) {
      this.#withdrawTaskIn(text)
      const key = JsonText.at(text, ["result", "structuredContent", "idempotencyKey"])
      if (key !== undefined) return this.#onDisk.keep({ _tag: "Queued", key: String(JSON.parse(key)) })
    }
    const kind = kindOf(text)
    if (kind === "unfinished" && this.#task !== undefined) return this.#keepResponse(wentOn)
    // Who took a call back wants no error of it, and a question of the relay is nothing without who answers it.
    if (kind === "unfinished" || (kind === "error" && this.#stopped === "cancelled")) return this.#record?.drop()
    this.#keepResponse(text)
  }

  #keepResponse(text: string): void {
    this.#onDisk.keep({ _tag: "Response", text: JsonText.set(text, ["id"], "null") })
  }
}

const deliveryIn = ({ body }: Answer): unknown =>
  body._tag === "Whole" ? JSON.parse(JsonText.at(body.text, ["error", "data", "delivery"]) ?? "null") : undefined

const unknown = (message: string): string =>
  JsonRpcError.text(null, { code: JsonRpcError.codes.relay, message, data: { delivery: "unknown" } })

const halfGone = unknown(
  "The call was carried out. Its answer was being passed on when its agent went away, and could not be kept."
)
const wentOn = unknown(
  "The relay asked for input, or made a task of its own of the call, when that had become a task of Holdfast's: what "
    + `comes of it cannot be had here. ${unknownOutcome(false)}`
)
const givenUp = unknown(
  `More than ${maxAlone} calls of this agent were running on without it, and the oldest was given up. `
    + unknownOutcome(false)
)
