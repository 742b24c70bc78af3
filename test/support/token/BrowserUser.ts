/**
 * A person at a browser: follows redirects, keeps cookies, and fills in and sends each form that a page shows: their
 * name where it asks for a login, the code of a device, consent.
 */
import { Effect } from "effect"

const maxPages = 20

const attribute = (tag: string, name: string): string | undefined => {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1]
  return value?.replaceAll("&quot;", "\"").replaceAll("&amp;", "&")
}

/** The page's form, as the person `name` sends it; `undefined` where it has none. */
const formOf = (
  page: string,
  name: string
): { readonly action: string; readonly body: URLSearchParams } | undefined => {
  const form = /<form[^>]*>/.exec(page)?.[0]
  if (form === undefined) return undefined
  const body = new URLSearchParams()
  for (const [input] of page.matchAll(/<input[^>]*>/g)) {
    const field = attribute(input, "name")
    if (field === undefined) continue
    body.set(field, field === "login" || field === "password" ? name : attribute(input, "value") ?? "")
  }
  return { action: attribute(form, "action") ?? "", body }
}

/**
 * Opens `url` as `name`, who agrees to everything, or goes away from the first login page; the last page. `stopAt`: an
 * address that is not opened any more.
 */
export const browse = (name: string, url: string, stopAt?: string, then: "agree" | "abort" = "agree"): Effect.Effect<{
  readonly url: URL
  readonly status: number
  readonly text: string
}> =>
  Effect.promise(async () => {
    const cookies = new Map<string, string>()
    let aborted = false
    let next: { readonly url: URL; readonly body?: URLSearchParams } = { url: new URL(url) }
    for (let page = 0; page < maxPages; page++) {
      const response = await fetch(next.url, {
        redirect: "manual",
        headers: { cookie: [...cookies].map(([key, value]) => `${key}=${value}`).join("; ") },
        ...(next.body === undefined ? {} : { method: "POST", body: next.body })
      })
      for (const cookie of response.headers.getSetCookie()) {
        const [pair = ""] = cookie.split(";")
        const at = pair.indexOf("=")
        if (pair.slice(at + 1) === "") cookies.delete(pair.slice(0, at))
        else cookies.set(pair.slice(0, at), pair.slice(at + 1))
      }
      const text = await response.text()
      const location = response.headers.get("location")
      if (location !== null) {
        const target = new URL(location, next.url)
        if (stopAt !== undefined && target.href.startsWith(stopAt)) {
          return { url: target, status: response.status, text }
        }
        next = { url: target }
        continue
      }
      const abort = then === "abort" ? /href="([^"]*\/abort)"/.exec(text)?.[1] : undefined
      if (abort !== undefined) {
        aborted = true
        next = { url: new URL(abort, next.url) }
        continue
      }
      const form = aborted ? undefined : formOf(text, name)
      if (form === undefined) return { url: next.url, status: response.status, text }
      next = { url: new URL(form.action, next.url), body: form.body }
    }
    throw new Error(`more than ${maxPages} pages from ${url}`)
  })
