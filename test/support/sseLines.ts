/** Server-sent events as text, taken apart by hand so that no decoder of ours is trusted. */

export interface SseLine {
  readonly id?: string
  readonly event?: string
  readonly data?: string
  readonly retry?: string
  readonly comment?: string
}

const fieldOf = (line: string): SseLine => {
  const colon = line.indexOf(":")
  const value = line.slice(colon + 1).replace(/^ /, "")
  switch (colon < 0 ? line : line.slice(0, colon)) {
    case "":
      return { comment: value }
    case "id":
      return { id: value }
    case "event":
      return { event: value }
    case "retry":
      return { retry: value }
    case "data":
      return { data: value }
    default:
      return {}
  }
}

/** Events and comments, in order. */
export const sseLines = (text: string): ReadonlyArray<SseLine> =>
  text.split("\n\n").filter((block) => block !== "").map((block) =>
    block.split("\n").map(fieldOf).reduce<SseLine>((all, field) => ({ ...all, ...field }), {})
  )
