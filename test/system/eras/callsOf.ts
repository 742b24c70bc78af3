import { Effect } from "effect"
import { eventually } from "../../support/eventually.ts"
import type { TestRelay } from "../../support/relay/TestRelay.ts"

/** The calls of one tool that the relay got, once there are so many. */
export const callsOf = (relay: TestRelay, tool: string, count: number) =>
  eventually(
    `${count} calls of ${tool}`,
    Effect.map(relay.requests, (all) => all.filter((request) => request.tool === tool)),
    (all) => all.length >= count
  )
