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
      const words of [[], ["--help"], ["nonsense"], ["status", "--completions", "sh"]]
    ) assert.strictEqual(programOf(words), "main")
    assert.strictEqual(programOf(["serve", "--embedded"]), "serve")
    assert.strictEqual(programOf(["--data-dir", "/tmp", "--config=c.json", "serve"]), "serve")
    assert.strictEqual(programOf(["status", "--json"]), "client")
  })

  it("is git's helper alone where the line says the data directory and what git wants, and nothing else", () => {
    const small = ["credential", "--data-dir", "/d", "--config", "/c"]
    for (const operation of ["get", "store", "erase"]) {
      assert.strictEqual(programOf([...small, operation]), "gitHelper")
      assert.strictEqual(programOf(["credential", "--data-dir", "/d", operation]), "gitHelper")
    }
    for (
      const words of [
        ["credential", "get"],
        ["credential", "--config", "/c", "get"],
        ["credential", "--data-dir", "get"],
        ["credential", "--data-dir", "", "get"],
        [...small],
        [...small, "install"],
        [...small, "get", "--help"],
        ["credential", "get", "--data-dir", "/d"],
        ["--data-dir", "/d", "credential", "get"]
      ]
    ) assert.notStrictEqual(programOf(words), "gitHelper", words.join(" "))
  })
})
