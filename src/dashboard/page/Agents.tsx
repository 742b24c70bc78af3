/** Agents: where each works, what its menu shows, and what is hidden by which rule. */
import { useState } from "preact/hooks"
import type { ContextView } from "../../admin/ContextView.ts"
import type { ToolsView } from "../../admin/ToolsView.ts"
import { post } from "./api.ts"
import { count, duration } from "./format.ts"
import { useAsked, useShared } from "./hooks.ts"

type Context = typeof ContextView.Encoded
type Tools = typeof ToolsView.Encoded
type HidingRule = NonNullable<Tools["tools"][number]["hiddenBy"]>

/** Shown at first; many agents are few that anybody looks at. */
const few = 6

export const Agents = ({ agents }: { readonly agents: ReadonlyArray<string> }) => {
  const [all, setAll] = useState(false)
  const [search, setSearch] = useState("")
  const found = agents.filter((agent) => agent.toLowerCase().includes(search.trim().toLowerCase()))
  const shown = all ? found.slice(0, 100) : found.slice(0, few)
  return (
    <section aria-labelledby="agents-heading">
      <header class="heading">
        <h2 id="agents-heading">Agents</h2>
        {agents.length > few && (
          <label>
            Name <input type="search" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
          </label>
        )}
      </header>
      <div class="agents">{shown.map((agent) => <AgentCard key={agent} agent={agent} />)}</div>
      {found.length > shown.length && (
        <button type="button" onClick={() => setAll(true)}>
          Show {count(Math.min(found.length, 100) - shown.length, "more agent")}
        </button>
      )}
    </section>
  )
}

const place = ({ state }: Context): string =>
  state._tag === "Shared" ? "in the shared checkout" : `in a worktree, ${state.phase}`

/** What a person may say of a context by hand; `Attach` needs a path, so it is the agent's own, or the command line's. */
const events = ["MarkReady", "RequestReview", "Reopen", "Merge", "Abandon", "Release", "Detach"]

const AgentCard = ({ agent }: { readonly agent: string }) => {
  const { act, now } = useShared()
  const [event, setEvent] = useState("Detach")
  const name = encodeURIComponent(agent)
  const { data: context } = useAsked<Context>(`/context?agent=${name}`, "agents")
  const { data: menus } = useAsked<ReadonlyArray<Tools>>(`/tools?agent=${name}`, "agents")
  const last = context?.history[0]
  const send = () =>
    act(`Telling ${agent}'s context`, async () => {
      const next = await post<Context>("/context", { agent, event })
      return `${agent} is ${place(next)} now.`
    })
  return (
    <article class="card agent" aria-label={`Agent ${agent}`}>
      <header>
        <h3>{agent}</h3>
        {context !== undefined && <p>{place(context)}</p>}
      </header>
      {context?.state._tag === "Worktree" && (
        <p class="muted path" title={context.state.path}>{context.state.branch} at {context.state.path}</p>
      )}
      {context !== undefined && (
        <p class="muted">
          {context.facts.length === 0 ? "No fact holds." : `Holds: ${context.facts.join(", ")}.`}
          {last !== undefined && ` ${last.event} ${duration(now - Date.parse(last.at))} ago, by ${last.cause}.`}
        </p>
      )}
      {menus?.map((menu) => <Menu key={menu.relay} menu={menu} several={menus.length > 1} />)}
      {context?.state._tag === "Worktree" && (
        <div class="buttons">
          <label>
            <span class="unseen">Event for {agent}'s context</span>
            <select value={event} onChange={(change) => setEvent(change.currentTarget.value)}>
              {events.map((one) => <option key={one} value={one}>{one}</option>)}
            </select>
          </label>
          <button type="button" onClick={send}>Send to context</button>
        </div>
      )}
    </article>
  )
}

const Menu = ({ menu, several }: { readonly menu: Tools; readonly several: boolean }) => {
  const visible = menu.tools.filter((tool) => tool.visible)
  const byRule = Map.groupBy(
    menu.tools.filter((tool) => !tool.visible),
    ({ approval, hiddenBy }) => hiddenBy === null ? `not approved: ${approval}` : formatRule(hiddenBy)
  )
  return (
    <div class="menu">
      <p>
        {several && <strong>{menu.relay}:</strong>}
        {menu.fetchedAt === null
          ? "No list of tools yet."
          : (
            <>
              Menu: <strong>{visible.length}</strong> of {count(menu.tools.length, "tool")} shown
            </>
          )}
      </p>
      {[...byRule].map(([rule, tools]) => (
        <details key={rule}>
          <summary>{count(tools.length, "tool")} hidden, {rule}</summary>
          <p class="muted">By the rule for {tools[0]?.hiddenBy?.tools.join(", ") ?? "pinned tools"}.</p>
          <ul class="names">{tools.map(({ name }) => <li key={name}>{name}</li>)}</ul>
        </details>
      ))}
      {visible.length > 0 && (
        <details>
          <summary>Shown</summary>
          <ul class="names">
            {visible.map(({ name, note, queued }) => (
              <li key={name} title={note}>{name}{queued && <span class="tag">queued</span>}</li>
            ))}
          </ul>
        </details>
      )}
    </div>
  )
}

const formatRule = ({ needs, reason }: HidingRule): string => `need ${needs}${reason === null ? "" : `: ${reason}`}`
