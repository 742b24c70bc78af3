/** A relay's URL as people are shown it: without its query, which may be a key, and without user and password. */
export const shownUrl = (url: URL): string =>
  url.protocol === "unix:" ? `unix://${url.pathname}` : `${url.origin}${url.pathname}`
