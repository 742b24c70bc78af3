/**
 * `server/discover`: the relay's answer, or the last known one while it is away (BEHAVIOUR 2, first intervention).
 *
 * Like `initialize` it is always answered: clients give up a server that does not. A relay of the legacy era is described
 * by its InitializeResult.
 */
import { Context, Effect, Fiber, FiberSet, Layer, Option } from "effect"
import { Settings } from "../../config/Settings.ts"
import * as EraForm from "../../domain/EraForm.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type { Request } from "../../domain/Message.ts"
import { modernVersions } from "../../domain/ProtocolVersion.ts"
import { KeptInitialize } from "../../menu/KeptInitialize.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import { Forwarding, type Passage, say } from "../Forwarding.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import { minimal } from "./Initialize.ts"

type DiscoverPassage = Pick<Passage, "headers" | "answer" | "noted" | "modern">

/** One for each relay. */
export class Discover extends Context.Service<Discover, {
  readonly answer: (session: AgentSession, request: Request, passage: DiscoverPassage) => Effect.Effect<void>
}>()("holdfast/mcp/Discover") {
  static readonly layer = Layer.effect(
    Discover,
    Effect.gen(function*() {
      const settings = yield* Settings
      const link = yield* RelayLink
      const kept = yield* KeptInitialize
      const forwarding = yield* Forwarding

      const response = (request: Request, greeting: string) =>
        `{"jsonrpc":"2.0","id":${request.id},"result":${intervened(EraForm.asDiscoverResult(greeting))}}`

      /** The relay's whole response, with our part in it. */
      const asked = Effect.fnUntraced(
        function*(session: AgentSession, request: Request, passage: DiscoverPassage) {
          const open = yield* session.relay.open
          if (open.modern === undefined) {
            yield* kept.keep(open.result)
            return { status: 200, headers: {}, text: response(request, open.result) }
          }
          const { body, headers, status } = yield* forwarding.attempt(session, request, {
            ...passage,
            within: settings.link.listTimeout,
            reads: true
          })
          const text = body._tag === "Whole" ? body.text : ""
          const result = JsonText.at(text, ["result"])
          if (result === undefined) return { status, headers, text }
          yield* kept.keep(result)
          return { status, headers, text: JsonText.set(text, ["result"], intervened(result)) }
        },
        Effect.scoped
      )

      const local = (request: Request, passage: DiscoverPassage, known: Option.Option<string>) => {
        const greeting = JsonText.set(EraForm.asDiscoverResult(Option.getOrElse(known, () => minimal)), ["ttlMs"], "0")
        return say(passage, response(request, greeting), "cached")
      }

      return Discover.of({
        answer: Effect.fnUntraced(function*(session, request, passage) {
          const known = yield* kept.find
          if ((yield* link.state)._tag === "Down") return yield* local(request, passage, known)
          const asking = yield* FiberSet.run(session.work, Effect.result(asked(session, request, passage)))
          const patience = Option.isSome(known) ? settings.link.fallbackAfter : settings.link.fallbackUnknownAfter
          const answered = yield* Effect.timeoutOption(Fiber.join(asking), patience)
          if (Option.isNone(answered) || answered.value._tag === "Failure" || answered.value.success.text === "") {
            return yield* local(request, passage, known)
          }
          const { headers, status, text } = answered.value.success
          yield* passage.answer.answer({ _tag: "Json", status, headers, body: { _tag: "Whole", text } })
        })
      })
    })
  )
}

/** Our own list_changed is promised, and no revision that we don't speak. */
const intervened = (result: string): string => {
  const versions = JsonText.elements(result, ["supportedVersions"])
  const ours = versions.filter((version) => modernVersions.some((known) => version === JSON.stringify(known)))
  const promised = JsonText.set(result, ["capabilities", "tools", "listChanged"], "true")
  return ours.length === versions.length
    ? promised
    : JsonText.set(promised, ["supportedVersions"], `[${ours.join(",")}]`)
}
