/** The dashboard in the browser: signs in where the link says so, then shows what Holdfast tells. */
import { render } from "preact"
import { signInFromLink } from "./api.ts"
import { Live } from "./live.ts"
import { Page } from "./Page.tsx"

const root = document.getElementById("page")

const start = async (): Promise<void> => {
  if (root === null) return
  const failure = await signInFromLink().then(() => undefined, (cause: Error) => cause.message)
  // It asks before anything is drawn: what the page says first is the answer.
  const live = new Live()
  void live.run()
  root.textContent = ""
  render(<Page live={live} signInFailure={failure} />, root)
}

void start()
