/** The published command inside Node 26, on a machine that has no Node; skipped where no Node 26 can be had. */
import { assert, describe, it } from "@effect/vitest"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { build } from "tsdown"
import { singleExecutable } from "../../build/singleExecutable.ts"
import { oneFile } from "../../tsdown.config.ts"
import { nodeFolder } from "./nodes.ts"

const node26 = ((): string | undefined => {
  try {
    return join(nodeFolder("26"), "node")
  } catch {
    return undefined
  }
})()

describe("holdfast as a single executable", () => {
  it.skipIf(node26 === undefined)("starts, and its stdio starts a daemon that serves an official client", async () => {
    const directory = mkdtempSync(join(tmpdir(), "holdfast-executable-"))
    const env = { PATH: "/usr/bin:/bin", HOME: directory, NO_COLOR: "1" }
    const relay = { stop: () => {} }
    try {
      await build({ ...oneFile("main", "src/main.ts", directory), config: false, logLevel: "error" })
      const holdfast = join(directory, "holdfast")
      singleExecutable(node26 ?? "", join(directory, "main.js"), holdfast)
      const version = spawnSync(holdfast, ["--version"], { env, encoding: "utf8" })
      assert.match(version.stdout, /^holdfast v\d/)

      const child = spawn(holdfast, ["relay", "--port", "0", "--data-dir", join(directory, "relay")], { env })
      relay.stop = () => child.kill("SIGKILL")
      let printed = ""
      while (!/tokens .*\n/.test(printed)) printed += String((await once(child.stdout, "data"))[0])
      const [, url = "", tokenFile = ""] = /relay +(\S+)\ntokens +(.+)\n/.exec(printed) ?? []

      const dataDir = join(directory, "data")
      const client = new Client({ name: "executable", version: "1.0.0" })
      await client.connect(
        new StdioClientTransport({
          command: holdfast,
          args: ["stdio", "--data-dir", dataDir],
          env: { ...env, HOLDFAST_RELAY_URL: url, HOLDFAST_TOKEN_FILE: tokenFile, HOLDFAST_PORT: "0" }
        })
      )
      const { tools } = await client.listTools()
      assert.include(tools.map(({ name }) => name), "relay_send_message")
      await client.close()
      const { pid, url: endpoint } = JSON.parse(readFileSync(join(dataDir, "endpoint.json"), "utf8"))
      const script = await fetch(new URL("/dashboard/page.js", endpoint))
      assert.strictEqual(script.status, 200)
      assert.include(await script.text(), "This browser is not signed in")
      process.kill(pid, "SIGTERM")
    } finally {
      relay.stop()
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
    }
  }, 300_000)
})
