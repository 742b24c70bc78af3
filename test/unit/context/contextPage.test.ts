import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { contextEvents } from "../../../src/admin/ContextView.ts"
import { table } from "../../../src/context/ContextState.ts"

const page = readFileSync(new URL("../../../docs/context.md", import.meta.url), "utf8")
const diagram = /```mermaid\n([\s\S]*?)```/.exec(page)?.[1] ?? ""

describe("docs/context.md", () => {
  it("draws every transition of the table, and no other", () => {
    const drawn = [...diagram.matchAll(/^ *(\w+) --> (\w+): (\w+)$/gm)].map(([, from, to, event]) =>
      `${from} ${event} ${to}`
    )
    const legal = Object.entries(table).flatMap(([event, { from, to }]) =>
      from.map((place) => `${place} ${event} ${to}`)
    )
    assert.deepStrictEqual(drawn.toSorted(), legal.toSorted())
  })

  it("begins where an agent begins", () => {
    assert.include(diagram, "[*] --> Shared")
  })

  it("leaves no event of the table out of the command line", () => {
    assert.deepStrictEqual(
      contextEvents.filter((event) => !event.endsWith("Fact")),
      Object.keys(table).filter((event) => contextEvents.some((known) => known === event))
    )
    assert.lengthOf(
      contextEvents.filter((event) => event.endsWith("Fact")),
      contextEvents.length - Object.keys(table).length
    )
  })
})
