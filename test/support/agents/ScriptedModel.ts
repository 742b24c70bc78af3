/**
 * A model behind an agent's command line whose every move the test decides: what it is asked, what it calls or says next.
 *
 * It speaks a vendor's API on loopback; nobody is asked, nothing costs.
 */
import { Duration, Effect, Queue } from "effect"
import { type Asked, httpServer } from "../token/httpServer.ts"

/** What the command line tells the model: the tools it has, and what the last calls brought. */
export interface Question {
  readonly tools: ReadonlyArray<string>
  /** Those of the tools that the model has to load before it calls them. */
  readonly deferred?: ReadonlyArray<string>
  readonly results: ReadonlyArray<string>
}

export type Move =
  | { readonly call: string; readonly input: Readonly<Record<string, unknown>> }
  | { readonly say: string }

/** One vendor's API. */
export interface Dialect {
  /** What the agent asks its model; `undefined` for whatever else it wants of the API, which is not there. */
  readonly question: (asked: Asked) => Question | undefined
  /** Loads a deferred tool. */
  readonly load?: (tool: string) => Move
  /** The answer as server-sent events, the `number`th of all. */
  readonly stream: (move: Move, number: number) => string
}

export const serverSentEvents = (events: ReadonlyArray<Readonly<Record<string, unknown>>>): string =>
  events.map((event) => {
    const name = "type" in event ? `event: ${event["type"]}\n` : ""
    return `${name}data: ${JSON.stringify(event)}\n\n`
  }).join("")

export const scriptedModel = Effect.fnUntraced(function*(dialect: Dialect, timeout: Duration.Input = "60 seconds") {
  const questions = yield* Queue.unbounded<Question>()
  const waiting: Array<(move: Move) => void> = []
  let deferred: ReadonlyArray<string> = []
  let answers = 0
  const { origin } = yield* httpServer((asked) => {
    const question = asked.method === "POST" ? dialect.question(asked) : undefined
    if (question === undefined) return { status: asked.method === "HEAD" ? 200 : 404, body: {} }
    deferred = question.deferred ?? []
    Queue.offerUnsafe(questions, question)
    return new Promise((answer) =>
      waiting.push((move) =>
        answer({ headers: { "content-type": "text/event-stream" }, body: dialect.stream(move, ++answers) })
      )
    )
  })
  const question = Effect.timeoutOrElse(Queue.take(questions), {
    duration: timeout,
    orElse: () =>
      Effect.die(new Error(`the model was not asked for ${Duration.format(Duration.fromInputUnsafe(timeout))}`))
  })
  const move = (next: Move) => Effect.sync(() => waiting.shift()?.(next))
  const ask = (next: Move) => Effect.andThen(move(next), question)
  return {
    origin,
    question,
    move,
    /** Calls a tool, which is loaded first if need be, and gives the question that brings its result. */
    call: Effect.fnUntraced(function*(tool: string, input: Readonly<Record<string, unknown>> = {}) {
      if (dialect.load !== undefined && deferred.includes(tool)) yield* ask(dialect.load(tool))
      return yield* ask({ call: tool, input })
    })
  }
})
