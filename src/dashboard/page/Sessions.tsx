/** The MCP sessions of agents, and the clients that hold them. */
import type { SessionView } from "../../admin/SessionsView.ts"
import { count, duration } from "./format.ts"
import { useAsked, useShared } from "./hooks.ts"
import { type Column, Table } from "./Table.tsx"

type Session = typeof SessionView.Encoded

export const Sessions = () => {
  const { now } = useShared()
  const { data = [] } = useAsked<ReadonlyArray<Session>>("/sessions", "sessions")
  const clients = Map.groupBy(data, ({ client }) => client || "unnamed")
  const columns: ReadonlyArray<Column<Session>> = [
    {
      name: "Client",
      width: "24%",
      cell: ({ client, clientVersion }) => (
        <span title={clientVersion}>
          {client || "unnamed"} <span class="muted">{clientVersion}</span>
        </span>
      )
    },
    { name: "Agent", width: "18%", cell: ({ agent }) => agent },
    { name: "Relay", width: "12%", cell: ({ relay }) => relay },
    { name: "Protocol", width: "112px", cell: ({ protocol }) => protocol },
    { name: "Stream", width: "80px", cell: ({ streams }) => streams === 0 ? "" : "open" },
    {
      name: "Open for",
      width: "120px",
      cell: ({ openedAt }) => openedAt === null ? "" : duration(now - Date.parse(openedAt))
    },
    { name: "Idle for", width: "120px", cell: ({ usedAt }) => duration(now - Date.parse(usedAt)) },
    { name: "Session", width: "100px", cell: ({ session }) => <code>{session}</code> }
  ]
  return (
    <section aria-labelledby="sessions-heading">
      <header class="heading">
        <h2 id="sessions-heading">Sessions</h2>
        <p class="muted">
          {data.length === 0
            ? ""
            : [...clients].map(([client, sessions]) => `${client}: ${sessions.length}`).slice(0, 6).join(", ")}
          {data.length > 0 && ` (${count(data.length, "session")})`}
        </p>
      </header>
      <Table
        caption="Sessions"
        columns={columns}
        rows={data}
        keyOf={({ relay, session }) => `${relay} ${session}`}
        empty="No agent is connected."
      />
    </section>
  )
}
