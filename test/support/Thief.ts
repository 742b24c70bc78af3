/** A program of another user that listens at a port and keeps what it is sent. Only root can start one. */
import { Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"

/** `nobody` on most systems. */
export const neighbour = 65_534

export const canStartThief = process.platform === "linux" && process.getuid?.() === 0

export interface Thief {
  readonly pid: number
  readonly port: number
  /** A line for each connection, and one for each request, with its secret. */
  readonly heard: Effect.Effect<string>
}

const program = `
require("node:http").createServer((request, response) => {
  console.log(request.method + " " + request.url + " " + request.headers.authorization)
  response.end("{}")
}).on("connection", () => console.log("connection")).listen(Number(process.argv[1]), "127.0.0.1", function () {
  console.log("listening " + this.address().port)
})`

/** At the port, or at a free one with 0. */
export const thief = (port: number): Effect.Effect<Thief, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child = spawn(process.execPath, ["-e", program, String(port)], {
        uid: neighbour,
        gid: neighbour,
        cwd: "/",
        env: {},
        stdio: ["ignore", "pipe", "inherit"]
      })
      let heard = ""
      child.stdout.on("data", (chunk) => heard += String(chunk))
      await once(child.stdout, "data")
      const [first = "", ...rest] = heard.split("\n")
      heard = rest.join("\n")
      return { pid: child.pid ?? 0, port: Number(first.split(" ")[1]), heard: Effect.sync(() => heard), child }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )
