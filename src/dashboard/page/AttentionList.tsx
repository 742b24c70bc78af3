/** What needs a person, each with its remedy as a button. */
import type { Attention, Remedy } from "../../admin/Attention.ts"
import { post } from "./api.ts"
import { count } from "./format.ts"
import { useShared } from "./hooks.ts"

interface Props {
  readonly attention: ReadonlyArray<Attention>
  readonly onShowLetters: (state: "dead" | "held") => void
}

export const AttentionList = ({ attention, onShowLetters }: Props) => {
  if (attention.length === 0) return null
  return (
    <section aria-labelledby="attention-heading">
      <h2 id="attention-heading">Needs you</h2>
      <ul class="attention">
        {attention.map((one) => (
          <li key={one.key} class={one.urgency}>
            <div>
              <h3>{one.title}</h3>
              <p>{one.detail}</p>
              {one.command !== undefined && (
                <p class="command">
                  In a terminal: <code>{one.command}</code>
                </p>
              )}
            </div>
            <div class="buttons">
              {one.remedies.map((remedy) => (
                <RemedyButton key={remedy.does} remedy={remedy} about={one.title} onShowLetters={onShowLetters} />
              ))}
            </div>
          </li>
        ))}
      </ul>
    </section>
  )
}

const RemedyButton = ({ about, onShowLetters, remedy }: {
  readonly remedy: Remedy
  readonly about: string
  readonly onShowLetters: Props["onShowLetters"]
}) => {
  const { act } = useShared()
  const button = (text: string, onClick: () => void) => (
    <button type="button" aria-label={`${text}: ${about}`} onClick={onClick}>{text}</button>
  )
  switch (remedy.does) {
    case "probe":
      return button("Try now", () =>
        act("Asking the relay", async () => {
          const { up } = await post<{ up: boolean }>("/relays/probe", { relay: remedy.relay })
          return up ? "The relay answers." : "The relay does not answer."
        }))
    case "refresh token":
      return button("Ask for a token", () =>
        act("Asking for a token", async () => {
          const { agent, relay } = remedy
          const [token] = await post<ReadonlyArray<{ state: string }>>("/token/refresh", { agent, relay })
          return `The token is ${token?.state ?? "unknown"}.`
        }))
    case "retry":
      return button(
        remedy.count === 1 ? "Send it again" : `Send all ${remedy.count} again`,
        () =>
          act("Sending again", async () => {
            const { relay, state } = remedy
            const { ids } = await post<{ ids: ReadonlyArray<number> }>("/outbox/retry", {
              all: true,
              relay,
              state,
              reason: "by hand, in the dashboard"
            })
            return `${count(ids.length, "letter is", "letters are")} back in line.`
          })
      )
    case "show letters":
      return button("Show", () => onShowLetters(remedy.state))
  }
}
