/** `connect`, the commands for a daemon in the background, and the way back, with a home of its own and a relay that is real. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import type { EmptyFolder, Ended } from "./EmptyFolder.ts"
import { expect, expectEnd, type Table } from "./Table.ts"

interface Relay {
  readonly url: string
  readonly tokenFile: string
}

/** Resolves to the commands that ran. */
export const runConnect = async (
  place: EmptyFolder,
  node: string,
  table: Table,
  label: string,
  relay: Relay
): Promise<ReadonlySet<string>> => {
  const home = place.file(label.replace(" ", "-"), "home")
  const codex = place.file("bin", "codex")
  const file = join(home, ".codex", "config.toml")
  const before = "# mine\nmodel = \"o3\"\n\n[mcp_servers.docs]\nurl = \"https://docs.test/mcp\""
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, before)
  writeFileSync(codex, "#!/bin/sh\n")
  chmodSync(codex, 0o755)

  const ran = new Set<string>()
  const holdfast = (...args: ReadonlyArray<string>): Promise<Ended> => {
    ran.add(args[0] ?? "")
    return place.run(node, place.file("node_modules", ".bin", "holdfast"), args, {
      directory: home,
      env: { HOME: home, HOLDFAST_PORT: "0" }
    })
  }
  const says = (line: string, pattern: RegExp, code = 0) =>
    table.step(`${label}  holdfast ${line}`, async () => expectEnd(await holdfast(...line.split(" ")), code, pattern))

  await says("health", /no Holdfast daemon/, 3)
  await table.step(`${label}  holdfast connect URL: starts a daemon, registers an agent`, async () => {
    const ended = await holdfast("connect", relay.url, "--no-service", "--token-file", relay.tokenFile)
    expectEnd(ended, 0, /^✔ Codex /m)
    expect(readFileSync(file, "utf8").startsWith(before), "what was in the agent's file is not kept")
    expect(readFileSync(file, "utf8") !== before, "the agent's file did not change")
  })
  await says("health", /^ready/)
  await says("reload", /relays: default/)
  await says("restart", /process \d+ in the place of \d+/)
  await says("logs", /is ready/)
  await says("stop", /has stopped/)
  await says("stop", /no Holdfast daemon/, 3)
  await table.step(`${label}  holdfast connect --undo: byte for byte`, async () => {
    expectEnd(await holdfast("connect", "--undo"), 0, /is as it was/)
    expect(readFileSync(file, "utf8") === before, "the agent's file is not as it was")
    expect(!existsSync(join(home, ".config", "holdfast", "holdfast.json")), "our configuration file is left")
  })
  return ran
}
