/** The programs of the pod's life, laid out so that any user of the machine can start them. */
import { chmodSync, constants, copyFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "tsdown"
import { command } from "../../../tsdown.config.ts"
import { oneFile } from "../../support/oneFile.ts"

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export interface Programs {
  readonly node: string
  readonly preload: string
  readonly holdfast: string
  readonly plane: string
  readonly proto: string
  readonly relay: string
  readonly agent: string
}

/** Built as they are published; a clone may lie where only its owner can read. */
export const layOutPrograms = async (place: string): Promise<Programs> => {
  const directory = join(place, "programs")
  mkdirSync(directory)
  const file = (name: string): string => join(directory, name)
  writeFileSync(file("package.json"), `{ "type": "module" }`)
  copyFileSync(process.execPath, file("node"), constants.COPYFILE_FICLONE)
  chmodSync(file("node"), 0o755)
  copyFileSync(at("../../support/dieWithParent.ts"), file("dieWithParent.ts"))
  copyFileSync(at("../../../src/uplink/ambient.proto"), file("ambient.proto"))
  const built = process.env["BUNDLED_HOLDFAST"]
  const holdfast = built === undefined
    ? command(directory).map((one) => build({ ...one, config: false, logLevel: "error" }))
    : [cpSync(dirname(built), directory, { recursive: true })]
  await Promise.all([
    ...holdfast,
    oneFile("plane", at("../../support/planeServer.ts"), directory),
    oneFile("relay", at("../../support/relay/relayProgram.ts"), directory),
    oneFile("agent", at("podAgent.ts"), directory)
  ])
  return {
    node: file("node"),
    preload: file("dieWithParent.ts"),
    holdfast: file("bin.js"),
    plane: file("plane.mjs"),
    proto: file("ambient.proto"),
    relay: file("relay.mjs"),
    agent: file("agent.mjs")
  }
}
