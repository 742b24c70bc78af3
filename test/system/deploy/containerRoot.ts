/** Lays out a file system as docs/deploy/container/Dockerfile says, since no builder of images is needed for that. */
import { execFileSync } from "node:child_process"
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { holdfastFile } from "../../support/holdfastFile.ts"

const dockerfile = readFileSync(new URL("../../../docs/deploy/container/Dockerfile", import.meta.url), "utf8")
  .replaceAll("\\\n", " ")
/** The last stage alone is run. */
const stage = dockerfile.slice(dockerfile.lastIndexOf("\nFROM "))

const instruction = (name: string): string => new RegExp(`^${name} (.*)$`, "m").exec(stage)?.[1] ?? ""
const words = (json: string): ReadonlyArray<string> => JSON.parse(json)

export const image = {
  env: Object.fromEntries(instruction("ENV").split(" ").map((pair) => pair.split("=", 2))),
  user: instruction("USER").split(":"),
  volume: instruction("VOLUME"),
  command: [...words(instruction("ENTRYPOINT")), ...words(instruction("CMD"))],
  healthcheck: words(/ CMD (\[.*\])/.exec(instruction("HEALTHCHECK"))?.[1] ?? "[]"),
  copied: new Map(
    [...stage.matchAll(/^COPY --from=build .*?\/src\/(\S+) (\S+)$/gm)].map(([, from = "", to = ""]) => [from, to])
  )
}

const which = (name: string): string => execFileSync("which", [name], { encoding: "utf8" }).trim()

/** A program of this machine with the libraries that it is linked with. */
const install = (root: string, program: string, at: string): void => {
  const put = (from: string, to: string) => {
    mkdirSync(dirname(join(root, to)), { recursive: true })
    copyFileSync(from, join(root, to))
  }
  put(program, at)
  for (const [, library = ""] of execFileSync("ldd", [program], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g)) {
    if (!existsSync(join(root, library))) put(library, library)
  }
}

/** What `npm run build` makes stands in for the build stage, this machine's Node for the base image. */
export const layOut = (root: string): void => {
  for (const name of ["proc", "dev", "run", image.volume]) mkdirSync(join(root, name), { recursive: true })
  writeFileSync(join(root, "dev", "null"), "")
  install(root, process.execPath, "/usr/local/bin/node")
  install(root, which("setpriv"), "/usr/bin/setpriv")
  install(root, "/bin/sh", "/bin/sh")
  const dist = dirname(holdfastFile)
  for (const [from, to] of image.copied) {
    cpSync(join(dist, from === "dist" ? "." : from), join(root, to), { recursive: true })
  }
}
