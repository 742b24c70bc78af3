/** Other people's proxies, installed for the run into a folder that goes with it. Absent where that fails. */
import { execFile } from "node:child_process"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"
import { childEnvironment } from "../test/support/environment.ts"
import { Caller, type Target } from "./Caller.ts"
import { Process } from "./Process.ts"
import { programFile } from "./programs.ts"

export interface OtherProxy {
  readonly process: Process
  readonly target: Target
}

const run = promisify(execFile)

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

/** Once it answers an initialize. */
const serving = async (name: string, process: Process, url: URL): Promise<OtherProxy> => {
  const target = { name, url, headers: {} }
  const end = performance.now() + 30_000
  for (;;) {
    try {
      const caller = await Caller.open(target)
      caller.close()
      return { process, target }
    } catch (error) {
      if (performance.now() > end || process.child.exitCode !== null) {
        await process.kill()
        throw new Error(`${name} does not serve: ${process.output}`, { cause: error })
      }
      await sleep(100)
    }
  }
}

/** Two programs that put HTTP in front of a stdio server. */
export const npmProxies: Readonly<
  Record<string, (port: number, relay: ReadonlyArray<string>) => ReadonlyArray<string>>
> = {
  "mcp-proxy": (port, relay) => ["--server", "stream", "--host", "127.0.0.1", "--port", String(port), "--", ...relay],
  supergateway: (port, relay) => [
    "--stdio",
    relay.join(" "),
    "--outputTransport",
    "streamableHttp",
    "--stateful",
    "--port",
    String(port),
    "--logLevel",
    "none"
  ]
}

/** Versions are pinned, so that two runs measure the same. */
const versions: Readonly<Record<string, string>> = { "mcp-proxy": "6.7.19", supergateway: "4.0.0" }

export const startNpmProxy = async (name: string, directory: string): Promise<OtherProxy> => {
  const args = npmProxies[name]
  if (args === undefined) throw new Error(`no proxy ${name}`)
  await run(
    "npm",
    ["install", "--prefix", directory, "--no-audit", "--no-fund", "--silent", `${name}@${versions[name]}`],
    { timeout: 120_000 }
  )
  const manifest = JSON.parse(readFileSync(join(directory, "node_modules", name, "package.json"), "utf8"))
  const bin = typeof manifest.bin === "string" ? manifest.bin : manifest.bin[name]
  const port = await freePort()
  const relay = [process.execPath, await programFile("stdioRelay")]
  const proxy = new Process(
    process.execPath,
    [join(directory, "node_modules", name, bin), ...args(port, relay)],
    childEnvironment(),
    false
  )
  return serving(name, proxy, new URL(`http://127.0.0.1:${port}/mcp`))
}

const nginxConfiguration = (directory: string, port: number, relay: URL): string =>
  `daemon off; master_process off; pid ${directory}/nginx.pid; error_log stderr;
events { worker_connections 1024; }
http {
  access_log off; client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi; uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
  upstream relay { server ${relay.host}; keepalive 128; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port}; keepalive_requests 1000000000;
    location / {
      proxy_pass http://relay; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }
  }
}
`

/** The one that is installed, else Debian's, unpacked and not installed. */
const nginxFile = async (directory: string): Promise<string> => {
  const installed = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"].find((file) => existsSync(file))
  if (installed !== undefined) return installed
  try {
    await run("apt-get", ["download", "nginx"], { cwd: directory, timeout: 60_000 })
    const archive = readdirSync(directory).find((name) => name.endsWith(".deb"))
    if (archive === undefined) throw new Error("apt-get brought no package")
    await run("dpkg", ["-x", archive, "."], { cwd: directory })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`nginx is not installed here, and Debian's could not be unpacked: ${why}`, { cause })
  }
  return join(directory, "usr/sbin/nginx")
}

export const startNginx = async (directory: string, relay: URL): Promise<OtherProxy> => {
  const program = await nginxFile(directory)
  const port = await freePort()
  const file = join(directory, "nginx.conf")
  writeFileSync(file, nginxConfiguration(directory, port, relay))
  const nginx = new Process(
    program,
    ["-p", directory, "-c", file, "-e", "stderr"],
    childEnvironment(),
    false
  )
  return serving("nginx", nginx, new URL(`http://127.0.0.1:${port}/mcp`))
}
