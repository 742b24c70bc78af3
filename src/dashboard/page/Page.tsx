import { useEffect, useState } from "preact/hooks"
import type { StatusView } from "../../admin/StatusView.ts"
import { get } from "./api.ts"
import { duration } from "./format.ts"

type Status = typeof StatusView.Encoded

export const Page = ({ signInFailure }: { readonly signInFailure: string | undefined }) => {
  const [status, setStatus] = useState<Status>()
  const [failure, setFailure] = useState(signInFailure)

  useEffect(() => {
    const ask = () =>
      get<Status>("/status").then((next) => {
        setStatus(next)
        setFailure(undefined)
      }, (cause: Error) => setFailure(cause.message))
    void ask()
    const timer = setInterval(ask, 2000)
    return () => clearInterval(timer)
  }, [])

  return (
    <main>
      <h1>Holdfast</h1>
      {failure !== undefined && <p role="alert">{failure}</p>}
      {status?.relays.map(({ id, link, outbox, url }) => (
        <p key={id}>
          {id} ({url}) is {link.state} for {duration(Date.now() - Date.parse(link.since))}; {outbox.pending} wait,{" "}
          {outbox.held} held, {outbox.dead} dead
        </p>
      ))}
    </main>
  )
}
