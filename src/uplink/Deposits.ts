/** A plane's messages on their way into an inbox: under ids of the uplink's own, and cut where they are too long. */
import { Effect } from "effect"
import { createHash } from "node:crypto"
import type { AgentName } from "../domain/Ids.ts"
import type { Inbox } from "../inbox/Inbox.ts"
import type { InboxRefused } from "../inbox/InboxMessage.ts"
import { oneLine } from "../observability/ScreenText.ts"

export interface Deposit {
  /** The plane's. */
  readonly id: string
  readonly agent: AgentName
  readonly from: string | undefined
  readonly body: string
}

const maxFrom = 120

/** Two planes may use the same ids; one that no inbox takes is known by its digest. */
const idOf = (uplink: string, id: string): string =>
  `${uplink}:${/^[\x21-\x7e]{1,150}$/.test(id) ? id : createHash("sha256").update(id).digest("base64url")}`

/** Whatever name the plane gives, the uplink's is beside it. */
const fromOf = (uplink: string, from: string | undefined): string => {
  const name = oneLine(from ?? "").trim().slice(0, maxFrom)
  return name === "" ? uplink : `${name} (${uplink})`
}

const withinBytes = (body: string, maxBytes: number): string => {
  const size = Buffer.byteLength(body)
  if (size <= maxBytes) return body
  const note = `\n[cut: the message has ${size} bytes]`
  const room = Math.max(0, maxBytes - note.length)
  return Buffer.from(body).subarray(0, room).toString().replace(/\ufffd+$/, "") + note
}

export const make = (uplink: string, inbox: Inbox["Service"], maxBody: number) => {
  /**
   * Takes part in a transaction that is open. What no inbox ever takes is left out with a warning: it would stop all that
   * is behind it.
   */
  const receive = ({ agent, body, from, id }: Deposit): Effect.Effect<void, InboxRefused> =>
    inbox.receive({ agent, id: idOf(uplink, id), from: fromOf(uplink, from), body: withinBytes(body, maxBody) }).pipe(
      Effect.asVoid,
      Effect.catchIf(
        ({ reason }) => reason !== "full" && reason !== "disk",
        ({ message }) =>
          Effect.logWarning(`a message of the control plane is left out: ${message}`).pipe(
            Effect.annotateLogs({ uplink, agent })
          )
      )
    )
  return { receive }
}
