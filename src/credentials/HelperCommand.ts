/** The command line of git's helper where it says all that the helper needs: nothing else has to be read or loaded. */

const operations = ["get", "store", "erase"] as const
export type Operation = typeof operations[number]

export interface HelperCommand {
  readonly operation: Operation
  readonly dataDir: string
}

/**
 * `credential`, `--data-dir DIR`, perhaps `--config FILE`, and an operation, as `credential install` writes them.
 * `undefined` for any other command line.
 */
export const helperCommand = ([command, ...words]: ReadonlyArray<string>): HelperCommand | undefined => {
  if (command !== "credential") return undefined
  const rest = [...words]
  let dataDir: string | undefined
  while (rest[0] === "--data-dir" || rest[0] === "--config") {
    const [flag, value] = rest.splice(0, 2)
    if (value === undefined || value === "") return undefined
    if (flag === "--data-dir") dataDir = value
  }
  const operation = operations.find((one) => one === rest[0])
  return dataDir === undefined || operation === undefined || rest.length > 1 ? undefined : { operation, dataDir }
}
