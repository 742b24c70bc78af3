/** The whole page, most urgent first. */
import { useCallback, useLayoutEffect, useState } from "preact/hooks"
import { attentionOf } from "../../admin/Attention.ts"
import { outagesOf } from "../../journal/Outages.ts"
import { Agents } from "./Agents.tsx"
import { signOut } from "./api.ts"
import type { Status } from "./api.ts"
import { AttentionList } from "./AttentionList.tsx"
import { Calls } from "./Calls.tsx"
import { Charts } from "./Charts.tsx"
import { clock } from "./format.ts"
import { type Do, SharedContext, useAsked, useNow, useShared } from "./hooks.ts"
import { Letters } from "./Letters.tsx"
import type { Live } from "./live.ts"
import { Relays } from "./Relays.tsx"
import { Runtime } from "./Runtime.tsx"
import { Sessions } from "./Sessions.tsx"
import { Summary } from "./Summary.tsx"
import type { LettersPage, LetterState } from "./useLetters.ts"

export const Page = ({ live, signInFailure }: { readonly live: Live; readonly signInFailure: string | undefined }) => {
  const now = useNow()
  const [, redraw] = useState(0)
  const [said, setSaid] = useState({ text: signInFailure ?? "", bad: signInFailure !== undefined })

  useLayoutEffect(() => live.onChange(() => redraw((count) => count + 1)), [live])

  const act: Do = useCallback((what, action) => {
    setSaid({ text: `${what} …`, bad: false })
    action().then(
      (text) => setSaid({ text, bad: false }),
      (cause: Error) => setSaid({ text: `${what}: ${cause.message}`, bad: true })
    ).finally(() => live.refresh())
  }, [live])

  return (
    <SharedContext.Provider value={{ live, act, now }}>
      <a class="skip" href="#main">Skip to what is going on</a>
      <Bar />
      <div class={said.text === "" ? "said empty" : said.bad ? "said bad" : "said"}>
        <p role="status">{said.text}</p>
        <button type="button" class="quiet" onClick={() => setSaid({ text: "", bad: false })}>Close</button>
      </div>
      <main id="main" tabIndex={-1}>
        {live.status === undefined || live.connection === "signed out"
          ? <Waiting connection={live.connection} />
          : <Sections status={live.status} />}
      </main>
    </SharedContext.Provider>
  )
}

const Bar = () => {
  const { act, live: { connection, heardAt, status } } = useShared()
  const leave = () =>
    act("Signing out", async () => {
      await signOut()
      return "Signed out"
    })
  return (
    <header class="bar">
      <h1>Holdfast</h1>
      {status !== undefined && (
        <p class="where">
          <span class="muted">for agents:</span> {status.daemon.url}{" "}
          <span class="muted">version {status.daemon.version}</span>
        </p>
      )}
      <p class={`connection ${connection.replace(" ", "-")}`} role="status">
        {connection === "live" && "This page is live"}
        {connection === "connecting" && "Connecting"}
        {connection === "away" &&
          `Holdfast does not answer${heardAt === 0 ? "" : ` since ${clock(heardAt)}`}; trying again`}
        {connection === "signed out" && "Signed out"}
      </p>
      {connection === "live" && <button type="button" class="quiet" onClick={leave}>Sign out</button>}
    </header>
  )
}

const Sections = ({ status }: { readonly status: Status }) => {
  const { live } = useShared()
  const [letters, setLetters] = useState<LetterState>("open")
  const isAnyDead = status.relays.some(({ outbox }) => outbox.dead > 0)
  const dead = useAsked<LettersPage>(isAnyDead ? "/outbox?state=dead&limit=500" : undefined, "letters")
  const links = status.relays.map(({ id, link }) => ({
    relay: id,
    state: link.state,
    since: Date.parse(link.since),
    why: link.state === "down" ? link.why : ""
  }))
  const outages = outagesOf(live.links, links)
  const deadLetters = status.relays.map(({ id }) => {
    const reasons = dead.data?.entries.filter(({ relay }) => relay === id).map(({ reason }) => reason ?? "") ?? []
    return { relay: id, unknown: reasons.filter((why) => why.startsWith("unknown")).length, why: reasons.at(-1) }
  })
  const attention = attentionOf(status, deadLetters)
  const showLetters = (state: LetterState) => {
    setLetters(state)
    const section = document.getElementById("letters")
    section?.scrollIntoView()
    section?.focus()
  }
  return (
    <>
      <Summary status={status} outages={outages} attention={attention} />
      <AttentionList attention={attention} onShowLetters={showLetters} />
      <Relays status={status} outages={outages} />
      <Charts relays={status.relays.map(({ id }) => id)} />
      <Letters state={letters} onState={setLetters} status={status} />
      <Agents agents={status.agents} />
      <Calls />
      <Sessions />
      <Runtime status={status} />
    </>
  )
}

const Waiting = ({ connection }: { readonly connection: Live["connection"] }) =>
  connection === "signed out"
    ? (
      <section class="welcome">
        <h2>This browser is not signed in</h2>
        <p>In a terminal on this machine, run</p>
        <p>
          <code>holdfast open</code>
        </p>
        <p>and open the link that it prints. It is good once, for two minutes.</p>
      </section>
    )
    : (
      <p class="loading" aria-busy="true">
        {connection === "away" ? "Holdfast does not answer. Trying again." : "Asking Holdfast."}
      </p>
    )
