/** So that memory which nobody holds is not taken for memory in use. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")
const collect: (options: { readonly type: "major"; readonly execution: "sync" }) => void = runInNewContext("gc")

/** What Node keeps outside of V8's heap goes with the second one. */
export const collectGarbage = (): void => {
  for (let time = 0; time < 2; time++) collect({ type: "major", execution: "sync" })
}

/** Bytes of V8's heap that somebody holds. */
export const heapInUse = (): number => {
  collectGarbage()
  return process.memoryUsage().heapUsed
}
