/**
 * Calls of tools that are under way, and what becomes of the answer where their agent is gone when it comes (BEHAVIOUR 5,
 * "An answer outlives its call"): it is kept on disk. A call that is answered within a second, while its agent is there,
 * never touches the disk.
 *
 * Who makes the same call again, by the client's own id of it, waits for the answer of the first.
 */
import { Clock, Context, Effect, Fiber, FiberSet, Layer, Option, Predicate } from "effect"
import { hash } from "node:crypto"
import { Settings } from "../../config/Settings.ts"
import type { AgentName, SessionId } from "../../domain/Ids.ts"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import { mayBuffer } from "../../outbox/Call.ts"
import { Outbox } from "../../outbox/Outbox.ts"
import { callIdIn, hashOfArguments } from "../../outbox/submission/IdempotencyKey.ts"
import type { ResumePoint } from "../../relay/ResumePoint.ts"
import type { Ending, NewCall, Resend } from "../../results/KeptResult.ts"
import { Results } from "../../results/Results.ts"
import { type Task, Tasks } from "../../results/Tasks.ts"
import { type Deadline, Deadlines } from "../../supervision/Deadlines.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import type { Answer, RequestContext } from "./Handler.ts"

/** After so long a call is written down as under way, milliseconds. */
const notedAfter = 1000
/** The place in the relay's stream is written anew so often at most, milliseconds. */
const resumeEvery = 60_000
/** Calls of one agent that run on without it; of one more the oldest is given up. */
const maxAlone = 32
/** A call id this long names its call in whichever session it is made again; a short one may be a counter. */
const uniqueId = 16

interface Services {
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
interface Slot {
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
  readonly clientsId: string | undefined
  /** It may be queued: then the outbox keeps it, cancels it, and sends it again. */
  mayQueue = false
  resend: Resend | undefined
  onlyReads = false
  /** Runs it. */
  fiber: Fiber.Fiber<unknown> | undefined
  /** Ends the response without an answer. An object and no function, which V8 would keep, and by it the whole call. */
  responder: { readonly abandon: () => void } | undefined
  readonly #services: Services
  readonly #text: string
  #givenArguments: string | undefined
  readonly #calledAt: number
  /** Runs once it may have reached the relay. */
  #note: Deadline | undefined
  /** What is written of it, one thing after the other; the id that it has on disk. */
  #written: Fiber.Fiber<number | undefined> | undefined
  #isNoted = false
  #resume: ResumePoint | undefined
  #resumeWrittenAt = -Infinity
  #isAlone = false
  #isCancelled = false
  #isGivenUp = false
  #hasEnded = false
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
    this.clientsId = clientsId
    this.#text = request.text
    this.#calledAt = services.now()
  }

  /** It may have reached the relay. */
  get isAtRelay(): boolean {
    return this.#note !== undefined
  }

  /** It is about to go to the relay: what waits for a kept answer, for its turn or for the link is no news after a crash. */
  sent(): void {
    if (this.#note !== undefined) return
    this.#note = this.#services.deadlines.after(notedAfter, () => this.#writeDown())
    if (this.#isAlone) this.#writeDown()
  }

  /** Its agent is asked, and that is on disk: until it is sent again nothing of it is under way that could be lost. */
  waitsForAnswers(): void {
    this.#note?.cancel()
    this.#note = undefined
    this.#isNoted = false
    this.#resume = undefined
    if (this.#written !== undefined) this.#onDisk((id) => Effect.as(this.#services.results.drop(id), undefined))
  }

  /** The agent is gone, or does not wait for the answer any more. */
  gone(): void {
    if (this.#hasEnded || this.#isAlone) return
    this.#isAlone = true
    if (this.#joined !== undefined) return
    this.#services.alone(this)
    if (this.isAtRelay) this.#writeDown()
    if (this.mayQueue) this.#services.outbox.desert(this.session.id, this.asked)
  }

  /** The agent took the call back. Whether the relay is to be told: nobody else waits for it. */
  cancelled(): boolean {
    this.#isCancelled = this.#receivers === 1
    this.gone()
    this.responder?.abandon()
    return this.#isCancelled && this.#joined === undefined
  }

  /** More calls run without their agent than one may have. */
  giveUp(): void {
    this.#isGivenUp = true
    this.fiber?.interruptUnsafe()
  }

  /** Whether its agent may be answered a task instead: what may be queued becomes one by itself. */
  get mayBecomeTask(): boolean {
    return this.session.takesTasks && this.isAtRelay && this.isFirst && !this.mayQueue && !this.#isAlone
      && !this.#hasEnded && this.#services.hasRoom(this.session.agent)
  }

  /** A task of it, on disk; none where the disk fails or the agent has too many. */
  get asTask(): Effect.Effect<Option.Option<Task>> {
    return Effect.suspend(() => {
      const { tasks } = this.#services
      let made = Option.none<Task>()
      this.#writeDown()
      this.#onDisk((id) =>
        Effect.map(tasks.ofRunning(this.#call, id), (task) => {
          made = task
          return id
        })
      )
      return Effect.map(this.#written === undefined ? Effect.void : Fiber.join(this.#written), () => made)
    })
  }

  /** Its agent has the task in the place of the answer. */
  becameTask(id: string): void {
    this.#task = id
    this.gone()
  }

  isTask(id: string): boolean {
    return this.#task === id
  }

  get isAnyTask(): boolean {
    return this.#task !== undefined
  }

  /** Its agent has cancelled its task, which says so already. */
  cancelTask(): void {
    this.#isCancelled = true
    this.fiber?.interruptUnsafe()
  }

  /** The relay's stream can be read on from here. */
  readonly resumable = (resume: ResumePoint): void => {
    this.#resume = resume
    if (this.#written !== undefined) this.#writeResume()
  }

  /** Whether another call is the same one again. */
  isSameAs(other: LiveCall): boolean {
    return this.session.agent === other.session.agent && this.tool === other.tool && this.clientsId === other.clientsId
      && (isUnique(this.clientsId) || this.session.id === other.session.id)
      && (this.#arguments === other.#arguments ||
        hashOfArguments(this.#arguments) === hashOfArguments(other.#arguments))
  }

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

  /** What names the same call made again. */
  get name(): string | undefined {
    if (this.clientsId === undefined) return undefined
    const scope = isUnique(this.clientsId) ? "" : this.session.id
    return nameOf(scope, this.tool, this.clientsId, this.#arguments)
  }

  /** Whether the answer has to be whole: somebody else waits for it, or it is to be kept. */
  get needsWhole(): boolean {
    return this.#isAlone || this.#waiting !== undefined
  }

  /** The answer is there; whoever joined gets it. */
  answered(answer: Answer | undefined): void {
    // What the relay gives to who reads its stream on is no failure yet.
    this.#isLeft = this.#resume !== undefined && answer?.outcome === "error" && deliveryIn(answer) === "unknown"
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
    const isOurEnd = this.session.isStopping && first.#resume !== undefined && answer?.outcome === "error"
    if (isOurEnd || first.#isLeft) return
    if (first.#missed < first.#receivers && first.#task === undefined) return first.#counted()
    const text = answer?.body._tag === "Whole" ? answer.body.text : halfGone
    first.#keep(text, answer?.outcome === "queued")
  }

  /** A client that had lost its connection has resumed the stream, and has read the answer. */
  readonly readToEnd = (): void => {
    if (this.#missed > 0) this.#onDisk((id) => Effect.as(this.#services.results.given(id), id))
  }

  /** Its fiber has ended: with an answer, which left unless `missed` said otherwise, or `interrupted`. */
  ended(interrupted: boolean): void {
    this.#hasEnded = true
    this.#note?.cancel()
    this.#services.ended(this)
    for (const resume of this.#waiting ?? []) resume(undefined)
    if (interrupted && this.session.isStopping && this.#resume !== undefined) return this.#leaveToNextLife()
    if (interrupted && this.#isGivenUp) return this.#keep(givenUp, false)
    if (interrupted && this.#isCancelled && this.#task !== undefined) {
      return this.#onDisk((id) => Effect.as(this.#services.results.drop(id), undefined))
    }
    if (this.#isLeft) {
      this.#writeDown()
      return this.#onDisk((id) => Effect.as(this.#services.results.leave(id), id))
    }
    if (this.#hasMissed) return
    const first = this.#joined ?? this
    if (interrupted && first !== this) return void first.#receivers--
    first.#received++
    first.#counted()
  }

  /** Once all have or miss the answer, and somebody has it, nothing is left of the call on disk. */
  #counted(): void {
    if (this.#task !== undefined) return
    if (this.#received === 0 || this.#received + this.#missed < this.#receivers || this.#written === undefined) return
    this.#onDisk((id) => Effect.as(this.#services.results.drop(id), undefined))
  }

  /** The relay's session has to outlive this process. */
  #leaveToNextLife(): void {
    this.#writeDown()
    const { relay } = this.session
    const open = relay.openNow()
    if (open !== undefined) this.#services.fork(relay.lost(open))
  }

  get #arguments(): string {
    return this.#givenArguments ??= JsonText.at(this.#text, ["params", "arguments"]) ?? "{}"
  }

  get #call(): NewCall {
    const { name, onlyReads, resend, session: { agent }, tool } = this
    return { agent, tool, name, onlyReads, resend, calledAt: this.#calledAt }
  }

  /** One thing after the other. */
  #write(next: (id: number | undefined) => Effect.Effect<number | undefined>): void {
    const before = this.#written
    this.#written = this.#services.fork(
      before === undefined ? next(undefined) : Effect.flatMap(Fiber.join(before), next)
    )
  }

  /** With what is written of it, where something is. */
  #onDisk(next: (id: number) => Effect.Effect<number | undefined>): void {
    this.#write((id) => id === undefined ? Effect.undefined : next(id))
  }

  #writeDown(): void {
    if (this.#isNoted) return
    this.#isNoted = true
    this.#note?.cancel()
    const { now, results } = this.#services
    if (this.#resume !== undefined) this.#resumeWrittenAt = now()
    this.#write((id) => id === undefined ? results.begin(this.#call, this.#resume) : Effect.succeed(id))
  }

  #writeResume(): void {
    const { now, results } = this.#services
    const resume = this.#resume
    if (resume === undefined || now() - this.#resumeWrittenAt < resumeEvery) return
    this.#resumeWrittenAt = now()
    this.#onDisk((id) => Effect.as(results.resumeFrom(id, resume), id))
  }

  /** Its agent does not know of the task that this answer gave it. */
  #withdrawTask(text: string): void {
    const id: unknown = JSON.parse(JsonText.at(text, ["result", "taskId"]) ?? "null")
    if (Predicate.isString(id)) this.#services.fork(this.#services.tasks.withdrawn(this.session.agent, id))
  }

  #keep(text: string, queued: boolean): void {
    const { results } = this.#services
    if (queued) this.#withdrawTask(text)
    const key = queued ? JsonText.at(text, ["result", "structuredContent", "idempotencyKey"]) : undefined
    const isAnswer = JsonText.at(text, ["result"]) !== undefined
    const asksForMore = isAnswer && (JsonText.at(text, ["result", "resultType"]) ?? "\"complete\"") !== "\"complete\""
    // Who took a call back wants no error of it, and a question of the relay is nothing without who answers it.
    if (asksForMore && this.#task !== undefined) text = wentOn
    else if (asksForMore || (this.#isCancelled && !isAnswer)) {
      return this.#onDisk((id) => Effect.as(results.drop(id), undefined))
    }
    const ending: Ending = key === undefined
      ? { _tag: "Response", text: JsonText.set(text, ["id"], "null") }
      : { _tag: "Queued", key: String(JSON.parse(key)) }
    this.#write((id) => results.keep(this.#call, id, ending))
  }
}

const isUnique = (clientsId: string | undefined): boolean => clientsId !== undefined && clientsId.length >= uniqueId

const nameOf = (scope: string, tool: string, clientsId: string, argumentsText: string): string =>
  hash("sha256", JSON.stringify([scope, tool, clientsId, hashOfArguments(argumentsText)])).slice(0, 40)

const deliveryIn = ({ body }: Answer): unknown =>
  body._tag === "Whole" ? JSON.parse(JsonText.at(body.text, ["error", "data", "delivery"]) ?? "null") : undefined

const unknown = (message: string): string =>
  JsonRpcError.text(null, { code: JsonRpcError.codes.relay, message, data: { delivery: "unknown" } })

const halfGone = unknown(
  "The call was carried out. Its answer was being passed on when its agent went away, and could not be kept."
)
const wentOn = unknown(
  "The relay asked for input, or made a task of its own of the call, when that had become a task of Holdfast's: what "
    + "comes of it cannot be had here. It may have been carried out. Look before you repeat it."
)
const givenUp = unknown(
  `More than ${maxAlone} calls of this agent were running on without it, and the oldest was given up: it may have been `
    + "carried out. Look before you repeat it."
)

/** One for each relay. */
export class LiveCalls extends Context.Service<LiveCalls, {
  /** Of a request that is a call of a tool, and no part of a batch. */
  readonly begin: (context: RequestContext) => LiveCall
  /** Another call that is the same one, and under way. */
  readonly sameAs: (call: LiveCall) => LiveCall | undefined
  /** What is kept of the same call, as an answer to it. */
  readonly kept: (call: LiveCall) => Effect.Effect<string | undefined>
  /** The one of that id that may have reached the relay, unless the outbox cancels it. */
  readonly find: (session: SessionId, asked: string) => LiveCall | undefined
  /** The one that its agent has this task of ends, and the relay's part in it, where that can be told. */
  readonly cancelTask: (agent: AgentName, id: string) => Effect.Effect<void>
}>()("holdfast/mcp/LiveCalls") {
  static readonly layer = Layer.effect(
    LiveCalls,
    Effect.gen(function*() {
      const { outbox: { callIds } } = yield* Settings
      const results = yield* Results
      const clock = yield* Clock.Clock
      const fibers = yield* FiberSet.make()
      // What is to be kept is on disk before the end.
      yield* Effect.addFinalizer(() => Effect.timeoutOption(FiberSet.awaitEmpty(fibers), "2 seconds"))
      // Slots and not calls: the old tables of a set keep its last members, and by them their requests, for long.
      const running = new Set<Slot>()
      const alone = new Map<AgentName, Set<LiveCall>>()

      const services: Services = {
        deadlines: yield* Deadlines,
        outbox: yield* Outbox,
        results,
        tasks: yield* Tasks,
        now: () => Math.floor(clock.currentTimeMillisUnsafe()),
        fork: yield* FiberSet.runtime(fibers)(),
        ended: (call) => {
          running.delete(call.slot)
          call.slot.call = undefined
          const others = alone.get(call.session.agent)
          if (others?.delete(call) === true && others.size === 0) alone.delete(call.session.agent)
        },
        hasRoom: (agent) => (alone.get(agent)?.size ?? 0) < maxAlone,
        alone: (call) => {
          const all = alone.get(call.session.agent) ?? new Set()
          alone.set(call.session.agent, all.add(call))
          const [oldest] = all
          if (all.size > maxAlone) oldest?.giveUp()
        }
      }

      return LiveCalls.of({
        begin: (context) => {
          const clientsId = mayBuffer(context.request) ? callIdIn(context.request.params, callIds) : undefined
          const call = new LiveCall(services, context, clientsId)
          running.add(call.slot)
          return call
        },
        sameAs: (call) => {
          if (call.clientsId === undefined) return undefined
          for (const { call: other } of running) {
            if (other !== undefined && other !== call && other.isFirst && call.isSameAs(other)) return other
          }
          return undefined
        },
        kept: (call) => {
          const name = results.hasAny(call.session.agent) ? call.name : undefined
          if (name === undefined) return Effect.undefined
          return Effect.map(
            results.same(call.session.agent, name),
            (found) =>
              found._tag === "Some" && found.value.response._tag === "Some" ? found.value.response.value : undefined
          )
        },
        cancelTask: (agent, id) =>
          Effect.sync(() => {
            for (const { call } of running) {
              if (call?.session.agent === agent && call.isTask(id)) call.cancelTask()
            }
          }),
        find: (session, asked) => {
          for (const { call } of running) {
            if (call === undefined) continue
            if (call.session.id === session && call.asked === asked && call.isAtRelay && !call.mayQueue) return call
          }
          return undefined
        }
      })
    })
  )
}
