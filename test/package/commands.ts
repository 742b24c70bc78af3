/**
 * Every command of the README, from where the package was installed, with a relay, a daemon and a client that are real.
 *
 * The two sides of the queue are seen as well: the relay is stopped, the client's call is queued, and `outbox` shows it.
 */
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { runConnect } from "./connecting.ts"
import type { EmptyFolder } from "./EmptyFolder.ts"
import { expect, expectEnd, type Table } from "./Table.ts"

const tool = "relay_send_message"
const gitQuestion = "protocol=https\nhost=git.example.com\n\n"

const connected = async (transport: StreamableHTTPClientTransport | StdioClientTransport): Promise<Client> => {
  const client = new Client({ name: "package-check", version: "1.0.0" })
  // The SDK's own classes disagree under exactOptionalPropertyTypes.
  await client.connect(transport as Parameters<Client["connect"]>[0])
  return client
}

const overHttp = (url: string, secret: string) =>
  connected(
    new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${secret}` } } })
  )

/** Resolves to the commands that ran, as the README names them. */
export const runCommands = async (
  place: EmptyFolder,
  node: string,
  table: Table,
  label: string
): Promise<Set<string>> => {
  const work = place.file(label.replace(" ", "-"))
  const dataDir = join(work, "data")
  const bin = place.file("node_modules", ".bin", "holdfast")
  const config = join(work, "holdfast.json")
  const environment = { HOLDFAST_DATA_DIR: dataDir, HOLDFAST_CONFIG: config }
  mkdirSync(work)
  mkdirSync(place.file("bin"), { recursive: true })
  writeFileSync(place.file("bin", "gh"), "#!/bin/sh\necho \"gh $* token=${GH_TOKEN:+given}\"\n")
  chmodSync(place.file("bin", "gh"), 0o755)
  writeFileSync(join(work, "forge-token"), "forge-secret\n")
  writeFileSync(
    config,
    JSON.stringify({
      credentials: {
        forge: { hosts: ["git.example.com", "github.com"], token: { file: join(work, "forge-token") } }
      }
    })
  )

  const ran = new Set<string>()
  const holdfast = (args: ReadonlyArray<string>, input = "") => {
    ran.add(args[0] ?? "")
    return place.run(node, bin, args, { directory: work, env: environment, input })
  }
  const says = (line: string, pattern: RegExp, code = 0, input = "") =>
    table.step(
      `${label}  holdfast ${line}`,
      async () => expectEnd(await holdfast(line.split(" ").filter((word) => word !== ""), input), code, pattern)
    )

  await says("--help", /holdfast/)
  await says("status", /no Holdfast daemon/, 3)

  // Both ways in which a daemon is started, each serving a client.
  await table.step(`${label}  holdfast serve --embedded`, async () => {
    const own = join(work, "embedded")
    const daemon = place.start(node, bin, ["serve", "--embedded", "--port", "0", "--data-dir", own], {
      directory: work
    })
    const [, url = ""] = await daemon.printed(/endpoint +(http:\S+\/mcp)\n/)
    const client = await overHttp(url, readFileSync(join(own, "agent-secret"), "utf8").trim())
    const { tools } = await client.listTools()
    expect(tools.some(({ name }) => name === tool), `no ${tool} in its tools`)
    const answer = await client.callTool({ name: tool, arguments: { to: "default", text: "hello" } })
    expect(answer.isError !== true, JSON.stringify(answer))
    await client.close()
    daemon.child.kill("SIGTERM")
    expect((await daemon.ended).code === 0, "SIGTERM does not end it with 0")
  })

  ran.add("relay").add("serve")
  const relayDir = join(work, "relay")
  const relay = place.start(node, bin, ["relay", "--port", "0", "--data-dir", relayDir], { directory: work })
  const [, relayUrl = "", tokenFile = ""] = await relay.printed(/relay +(\S+)\ntokens +(.+)\n/)
  const daemon = place.start(node, bin, ["serve", "--relay", relayUrl, "--port", "0"], {
    directory: work,
    env: { ...environment, HOLDFAST_TOKEN_FILE: tokenFile }
  })
  const [, url = ""] = await daemon.printed(/endpoint +(http:\S+\/mcp)\n/)
  const client = await overHttp(url, readFileSync(join(dataDir, "agent-secret"), "utf8").trim())
  await table.step(`${label}  holdfast relay, holdfast serve --relay URL`, async () => {
    const answer = await client.callTool({ name: tool, arguments: { to: "default", text: "hello" } })
    expect(answer.isError !== true, JSON.stringify(answer))
  })

  for (const name of ["claude", "codex", "gemini", "cursor", "vscode", "json"]) {
    await says(`config ${name}`, new RegExp(`${url}|${dataDir}`))
  }
  await says("config check", /./)
  await says("status", /up/i)
  await says("status --json", /"daemon"/)
  await says("tools", new RegExp(tool))
  await says("tools --json", new RegExp(`"${tool}"`))
  await says("events", /call\.answered .*tool=relay_send_message/)
  await says("results", /nothing is kept/)
  await says("inbox list", /nothing there/)
  await table.step(`${label}  holdfast top, where there is no terminal`, async () => {
    ran.add("top")
    const top = place.start(node, bin, ["top"], { directory: work, env: environment })
    await top.printed(/default/)
    top.child.kill("SIGTERM")
    await top.ended
  })
  await table.step(`${label}  holdfast open --print, and the page that it leads to`, async () => {
    const opened = await holdfast(["open", "--print"])
    expectEnd(opened, 0, /#sign-in=/)
    const page = await (await fetch(new URL("/", url))).text()
    const [, script = ""] = /<script[^>]* src="([^"]+)"/.exec(page) ?? []
    const answer = await fetch(new URL(script, url))
    expect(answer.ok && (await answer.text()).length > 10_000, `the page has no script at "${script}"`)
  })
  await says("agents add builder", /builder/)
  await says("agents list", /builder/)
  await says("agents remove builder", /builder/)
  await says("context show", /./)
  await says(`context send Attach --path ${work} --branch topic`, /topic|Worktree/)
  await says("token show", /./)
  await says("token refresh", /./)
  await says("exec -- sh -c env", /HOLDFAST_AGENT_SECRET=/)
  await says("exec -- false", /^/, 1)
  await says("credential get", /password=forge-secret/, 0, gitQuestion)
  await says("credential store", /^/, 0, `${gitQuestion.trim()}\nusername=x\npassword=y\n\n`)
  await says("credential install", /credential/)
  await table.step(`${label}  git credential fill, by the installed helper`, async () =>
    expectEnd(
      await place.run(node, "git", ["credential", "fill"], { directory: work, env: environment, input: gitQuestion }),
      0,
      /password=forge-secret/
    ))
  await says("doctor", /git helper/)
  await says("doctor --json", /"checks"/)
  await says("gh -- pr list", /gh pr list token=given/)
  await says("credential uninstall", /is as it was/)
  await says("credential erase", /^/, 0, `${gitQuestion.trim()}\npassword=forge-secret\n\n`)
  await says("headers", /Bearer/)
  await says(`login --relay ${relayUrl}`, /./, 1)

  await table.step(`${label}  holdfast wrap FILE, holdfast unwrap FILE: byte for byte`, async () => {
    const file = join(work, "mcp.json")
    const before = `{\n  "mcpServers": { "far": { "type": "http", "url": "${relayUrl}" } }\n}\n`
    writeFileSync(file, before)
    expectEnd(await holdfast(["wrap", "--yes", file]), 0, /far/)
    expect(readFileSync(file, "utf8").includes("127.0.0.1"), "the file names no endpoint")
    expect(readFileSync(file, "utf8") !== before, "the file did not change")
    expectEnd(await holdfast(["unwrap", file]), 0, /./)
    expect(readFileSync(file, "utf8") === before, "the file is not as it was")
  })

  await table.step(`${label}  npx --no-install holdfast stdio, with an official client`, async () => {
    ran.add("stdio")
    const stdio = await connected(
      new StdioClientTransport({
        command: "npx",
        args: ["--no-install", "holdfast", "stdio", "--data-dir", dataDir],
        cwd: place.path,
        env: place.environment(node)
      })
    )
    const { tools } = await stdio.listTools()
    expect(tools.length > 0, "no tools")
    await stdio.close()
  })

  const connecting = await runConnect(place, node, table, label, { url: relayUrl, tokenFile })
  for (const name of connecting) ran.add(name)

  await table.step(`${label}  an outage: the call is queued, holdfast outbox shows it`, async () => {
    relay.child.kill("SIGKILL")
    await relay.ended
    const answer = await client.callTool({ name: tool, arguments: { to: "default", text: "while it was away" } })
    expect(JSON.stringify(answer.structuredContent).includes("\"queued\":true"), JSON.stringify(answer))
    expectEnd(await holdfast(["outbox", "list"]), 0, new RegExp(tool))
  })
  await says("outbox list --json", /"entries"/)
  await says("outbox show 1", new RegExp(tool))
  await says("outbox export", new RegExp(tool))
  await says("outbox retry --all", /./)
  await says("outbox discard 1 --reason check", /1/)
  await client.close()
  daemon.child.kill("SIGTERM")
  await table.step(
    `${label}  SIGTERM ends the daemon with 0`,
    async () => expect((await daemon.ended).code === 0, "it does not")
  )
  await says("demo", /./)
  return ran
}
