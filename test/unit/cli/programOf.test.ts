import { assert, describe, it } from "@effect/vitest"
import type { Command } from "effect/cli"
import { client } from "../../../src/cli/client.ts"
import { holdfast } from "../../../src/cli/holdfast.ts"
import { clientCommands, programOf } from "../../../src/programs/programOf.ts"

const below = (command: Pick<Command.Command.Any, "subcommands">) =>
  command.subcommands.flatMap(({ commands }) => commands)

describe("the program that runs a command line", () => {
  it("of the client has each command that it is given, the same as all of holdfast has", () => {
    assert.deepStrictEqual(below(client).map(({ name }) => name), [...clientCommands])
    for (const command of below(client)) assert.include(below(holdfast), command)
  })

  it("has every command where the first word is a flag, where it names none, and where completions are asked for", () => {
    for (
      const words of [[], ["--help"], ["--data-dir", "/tmp", "status"], ["nonsense"], ["status", "--completions", "sh"]]
    ) assert.strictEqual(programOf(words), "main")
    assert.strictEqual(programOf(["serve", "--embedded"]), "serve")
    assert.strictEqual(programOf(["status", "--json"]), "client")
  })
})
