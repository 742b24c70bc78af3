/**
 * Asks the admin API as a browser that is signed in: the cookie goes by itself, the key with each request.
 *
 * The key stands in this origin's own storage, so that it outlives a reload; another port or another site cannot read it.
 */

import type { StatusView } from "../../admin/StatusView.ts"

export type Status = typeof StatusView.Encoded

const stored = "holdfast-key"

/** Nobody is signed in, or not any more. */
export class SignedOut extends Error {}

/** Holdfast does not answer. */
export class Away extends Error {}

/** Holdfast answers that it cannot be done; the message says why. */
export class Refused extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const request = async (path: string, init: RequestInit): Promise<Response> => {
  const answer = await fetch(`/api${path}`, {
    ...init,
    credentials: "same-origin",
    redirect: "error",
    cache: "no-store"
  })
    .catch((cause: unknown) => {
      if (init.signal?.aborted === true) throw cause
      throw new Away("Holdfast does not answer")
    })
  if (answer.ok) return answer
  const message = await answer.json().then((body: { message?: string }) => body.message, () => undefined)
  if (answer.status === 401) throw new SignedOut(message)
  throw new Refused(answer.status, message ?? `Holdfast answers ${answer.status}`)
}

const headers = (): Record<string, string> => ({ "x-holdfast-page": localStorage.getItem(stored) ?? "" })

export const get = async <A>(path: string, signal?: AbortSignal): Promise<A> => {
  const answer = await request(path, {
    headers: { ...headers(), accept: "application/json" },
    ...signal === undefined ? {} : { signal }
  })
  return answer.json()
}

export const post = async <A>(path: string, body: object): Promise<A> => {
  const answer = await request(path, {
    method: "POST",
    headers: { ...headers(), "content-type": "application/json" },
    body: JSON.stringify(body)
  })
  return answer.status === 204 ? undefined as A : answer.json()
}

/** A stream of events from after `cursor` on. */
export const follow = (cursor: number, signal: AbortSignal): Promise<Response> =>
  request(`/events?after=${cursor}`, { headers: { ...headers(), accept: "text/event-stream" }, signal })

/** With the ticket of a link, which the address bar shows no longer than it has to. */
export const signInFromLink = async (): Promise<void> => {
  const ticket = /^#sign-in=([\w-]+)$/.exec(location.hash)?.[1]
  if (ticket === undefined) return
  history.replaceState(null, "", location.pathname)
  const { key } = await post<{ key: string }>("/session", { ticket })
  localStorage.setItem(stored, key)
}

export const signOut = async (): Promise<void> => {
  await request("/session", { method: "DELETE", headers: headers() })
  localStorage.removeItem(stored)
}
