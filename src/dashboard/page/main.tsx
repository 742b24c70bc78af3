/** The dashboard in the browser: signs in where the link says so, then shows what Holdfast tells. */
import { render } from "preact"
import { signInFromLink } from "./api.ts"
import { Page } from "./Page.tsx"

const root = document.getElementById("page")

const start = async (): Promise<void> => {
  if (root === null) return
  const failure = await signInFromLink().then(() => undefined, (cause: Error) => cause.message)
  root.textContent = ""
  render(<Page signInFailure={failure} />, root)
}

void start()
