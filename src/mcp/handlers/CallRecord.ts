/**
 * What is on disk of one call that is under way: that it is, how far the relay's stream of it was read, and how it ended.
 * It is written in the background, one thing after the other.
 */
import { Effect, Fiber, Option } from "effect"
import * as JsonText from "../../domain/JsonText.ts"
import type { ResumePoint } from "../../relay/ResumePoint.ts"
import type { Ending, NewCall } from "../../results/KeptResult.ts"
import type { Results } from "../../results/Results.ts"

/** The place in the relay's stream is written anew so often at most, milliseconds. */
const resumeEvery = 60_000

interface Services {
  readonly results: Results["Service"]
  readonly now: () => number
  readonly fork: <A>(work: Effect.Effect<A>) => Fiber.Fiber<A>
}

/** What is left of a call: `undefined` where nothing is. */
type Id = number | undefined

export class CallRecord {
  readonly #services: Services
  readonly #of: { readonly newCall: NewCall }
  /** What was written last, with the call's id on disk. */
  #written: Fiber.Fiber<Id> | undefined
  #isBegun = false
  #resume: ResumePoint | undefined
  #resumeWrittenAt = -Infinity

  constructor(services: Services, of: { readonly newCall: NewCall }) {
    this.#services = services
    this.#of = of
  }

  /** Whether the relay's stream can be read on. */
  get isResumable(): boolean {
    return this.#resume !== undefined
  }

  begin(): void {
    if (this.#isBegun) return
    this.#isBegun = true
    const { now, results } = this.#services
    if (this.#resume !== undefined) this.#resumeWrittenAt = now()
    this.#write((id) => id === undefined ? results.begin(this.#of.newCall, this.#resume) : Effect.succeed(id))
  }

  /** Written at once only of a call that was begun. */
  resumableFrom(resume: ResumePoint): void {
    this.#resume = resume
    const { now, results } = this.#services
    if (this.#written === undefined || now() - this.#resumeWrittenAt < resumeEvery) return
    this.#resumeWrittenAt = now()
    this.#update((id) => results.resumeFrom(id, resume))
  }

  /** It is not under way any more, and may be begun again. */
  withdraw(): void {
    this.#isBegun = false
    this.#resume = undefined
    this.drop()
  }

  drop(): void {
    this.#ifWritten((id) => Effect.as(this.#services.results.drop(id), undefined))
  }

  /** The relay may give its answer all the same, to who reads its stream on. */
  leave(): void {
    this.begin()
    this.#update((id) => this.#services.results.leave(id))
  }

  /** Its agent has read the answer. */
  given(): void {
    this.#update((id) => this.#services.results.given(id))
  }

  keep(ending: Ending): void {
    this.#write((id) => this.#services.results.keep(this.#of.newCall, id, ending))
  }

  /** What `use` makes of the call's id, behind all that is written of it; none where nothing is. */
  using<A>(use: (id: number) => Effect.Effect<A>): Effect.Effect<Option.Option<A>> {
    return Effect.suspend(() => {
      let made = Option.none<A>()
      this.#update((id) => Effect.map(use(id), (value) => void (made = Option.some(value))))
      return Effect.map(this.#written === undefined ? Effect.void : Fiber.join(this.#written), () => made)
    })
  }

  #update(change: (id: number) => Effect.Effect<unknown>): void {
    this.#ifWritten((id) => Effect.as(change(id), id))
  }

  #ifWritten(next: (id: number) => Effect.Effect<Id>): void {
    if (this.#written !== undefined) this.#write((id) => id === undefined ? Effect.undefined : next(id))
  }

  #write(next: (id: Id) => Effect.Effect<Id>): void {
    const before = this.#written
    this.#written = this.#services.fork(
      before === undefined ? next(undefined) : Effect.flatMap(Fiber.join(before), next)
    )
  }
}

/** What the text of a response is: `unfinished` asks for input, or is a task of the relay's own. */
export const kindOf = (text: string): "answer" | "error" | "unfinished" => {
  if (JsonText.at(text, ["result"]) === undefined) return "error"
  return (JsonText.at(text, ["result", "resultType"]) ?? "\"complete\"") === "\"complete\"" ? "answer" : "unfinished"
}
