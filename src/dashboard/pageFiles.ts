/** What a browser gets of the dashboard. */
import type { PageFiles } from "./Dashboard.ts"

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Holdfast</title>
<link rel="icon" href="/dashboard/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/dashboard/page.css">
<script type="module" src="/dashboard/page.js"></script>
</head>
<body>
<div id="page"><p class="loading">Holdfast</p></div>
<noscript>This page needs JavaScript. "holdfast status" says the same in a terminal.</noscript>
</body>
</html>
`

const icon =
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1f5d8c"/>`
  + `<path d="M10 7v18M22 7v18M10 16h12" stroke="#fff" stroke-width="3.5" stroke-linecap="round" fill="none"/></svg>`

let files: Promise<PageFiles> | undefined

const read = async (): Promise<PageFiles> => {
  const { script, style } = await (await import("./bundledPage.ts")).bundledPage()
  return {
    "/": { type: "text/html", text: page },
    "/dashboard/page.js": { type: "text/javascript", text: script },
    "/dashboard/page.css": { type: "text/css", text: style },
    "/dashboard/icon.svg": { type: "image/svg+xml", text: icon }
  }
}

/** Fails where a clone lacks what the build needs. */
export const pageFiles = (): Promise<PageFiles> => {
  files ??= read().catch((cause: unknown) => {
    files = undefined
    throw cause
  })
  return files
}
