import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { entryViews } from "../../../src/admin/EntryPages.ts"
import type { Entry, EntryFilter } from "../../../src/outbox/Entry.ts"

/** An outbox of so many entries, and how many it was asked for at once. */
const outboxOf = (count: number) => {
  const asked: Array<number | undefined> = []
  const entries = Array.from({ length: count }, (_, index) => ({ id: index + 1 } as Entry))
  const list = ({ after = 0, limit }: EntryFilter) => {
    asked.push(limit)
    return Effect.succeed(entries.filter(({ id }) => id > after).slice(0, limit))
  }
  return { asked, list }
}

const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

describe("entries", () => {
  it.effect("are read fifty at a time, however many are listed", () =>
    Effect.gen(function*() {
      for (
        const [count, filter, expected] of [
          [0, {}, []],
          [120, {}, ids(1, 120)],
          [100, {}, ids(1, 100)],
          [120, { limit: 70, after: 10 }, ids(11, 80)],
          [3, { limit: 1000 }, ids(1, 3)]
        ] as const
      ) {
        const { asked, list } = outboxOf(count)
        assert.deepStrictEqual(yield* entryViews({ list }, filter, ({ id }) => id), expected)
        assert.isTrue(asked.every((limit) => limit !== undefined && limit <= 50))
      }
    }))
})
