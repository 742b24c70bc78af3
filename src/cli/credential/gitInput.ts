/** What git writes to a helper's standard input: to the empty line, or to the end. */
import { Effect } from "effect"
import * as GitCredential from "../../credentials/GitCredential.ts"

const read = Effect.promise(async () => {
  let text = ""
  for await (const chunk of process.stdin) {
    text += String(chunk)
    if (/\r?\n\r?\n/.test(text)) break
  }
  process.stdin.destroy()
  return text
})

export const gitInput = Effect.map(read, GitCredential.parse)
