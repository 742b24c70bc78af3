/** The daemon itself: since when it runs, what keeps it, and which of its fibers were restarted. */
import type { Status } from "./api.ts"
import { count, duration, time } from "./format.ts"
import { useShared } from "./hooks.ts"

export const Runtime = ({ status: { daemon, fibers } }: { readonly status: Status }) => {
  const { now } = useShared()
  const restarted = fibers.filter(({ restarts }) => restarts > 0)
  const { supervisor } = daemon
  return (
    <section aria-labelledby="runtime-heading">
      <h2 id="runtime-heading">Daemon</h2>
      <p>
        Process {daemon.pid}, up for {duration(now - Date.parse(daemon.startedAt))}. {daemon.portHeldBy === "nobody"
          ? "Nobody holds its port while it is away."
          : `While it is away its port is held by ${daemon.portHeldBy === "systemd" ? "systemd" : "its supervisor"}.`}
        {" "}
        {supervisor !== null && supervisor.restarts > 0 &&
          `Started again ${count(supervisor.restarts, "time")}, last after ${supervisor.lastEnd ?? "an unknown end"}.`}
      </p>
      <p>
        {count(fibers.length, "fiber")},{" "}
        {restarted.length === 0 ? "none of them was restarted" : `${restarted.length} of them restarted`}.
      </p>
      {restarted.length > 0 && (
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Fiber</th>
              <th scope="col">State</th>
              <th scope="col">Restarts</th>
              <th scope="col">Last failure</th>
            </tr>
          </thead>
          <tbody>
            {restarted.map(({ lastFailure, name, restarts, state }) => (
              <tr key={name}>
                <td>{name}</td>
                <td>{state}</td>
                <td>{restarts}</td>
                <td>{lastFailure === null ? "" : `${time(Date.parse(lastFailure.at), now)}: ${lastFailure.cause}`}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
