/** A real smart-HTTP git server on loopback that asks for a name and a token: `git http-backend` behind node:http. */
import { Effect, type Scope } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { childEnvironment } from "../environment.ts"

export interface GitServer {
  readonly origin: string
  /** The URL of its one repository. */
  readonly url: string
  /** The tokens that it takes. */
  readonly accepted: Set<string>
  /** `name:token` of every request that came with one. */
  readonly shown: Array<string>
}

const credentials = ({ headers }: IncomingMessage): string | undefined => {
  const encoded = /^Basic (.*)$/.exec(headers.authorization ?? "")?.[1]
  return encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString()
}

const serve = (root: string, request: IncomingMessage, response: ServerResponse): void => {
  const [path = "", query = ""] = (request.url ?? "").split("?")
  const backend = spawn("git", ["http-backend"], {
    env: {
      ...childEnvironment(),
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      REMOTE_USER: "somebody",
      REMOTE_ADDR: "127.0.0.1",
      REQUEST_METHOD: request.method,
      PATH_INFO: path,
      QUERY_STRING: query,
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
      HTTP_GIT_PROTOCOL: String(request.headers["git-protocol"] ?? "")
    }
  })
  request.pipe(backend.stdin)
  let head = Buffer.alloc(0)
  let begun = false
  backend.stdout.on("data", (chunk: Buffer) => {
    if (begun) return void response.write(chunk)
    head = Buffer.concat([head, chunk])
    const end = head.indexOf("\r\n\r\n")
    if (end < 0) return
    begun = true
    const headers = head.subarray(0, end).toString().split("\r\n").map((line) => line.split(/: (.*)/s))
    const status = headers.find(([name]) => name?.toLowerCase() === "status")?.[1] ?? "200"
    for (const [name = "", value = ""] of headers) {
      if (name.toLowerCase() !== "status") response.setHeader(name, value)
    }
    response.writeHead(Number.parseInt(status, 10))
    response.write(head.subarray(end + 4))
  })
  backend.stdout.on("end", () => response.end())
}

export const gitServer: Effect.Effect<GitServer, never, Scope.Scope> = Effect.gen(function*() {
  const root = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-git-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  execFileSync("git", ["init", "--quiet", "--bare", "--initial-branch=main", join(root, "repo.git")], {
    env: childEnvironment()
  })
  execFileSync("git", ["-C", join(root, "repo.git"), "config", "http.receivepack", "true"], {
    env: childEnvironment()
  })
  const accepted = new Set<string>()
  const shown: Array<string> = []
  const server = createServer((request, response) => {
    const given = credentials(request)
    if (given !== undefined) shown.push(given)
    if (given !== undefined && accepted.has(given.slice(given.indexOf(":") + 1))) return serve(root, request, response)
    request.resume()
    response.writeHead(401, { "www-authenticate": "Basic realm=\"git\"" }).end()
  })
  const origin = yield* Effect.acquireRelease(
    Effect.callback<string>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed(`http://127.0.0.1:${port}`))
      })
    }),
    () =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
  return { origin, url: `${origin}/repo.git`, accepted, shown }
})
