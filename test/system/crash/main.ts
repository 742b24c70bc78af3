/** `npm run crash -- --cycles 5000 --seed N`: what the short test does, for as long as one likes; 1 where a fault was found. */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { run } from "./run.ts"

const command = Command.make("crash", {
  cycles: Flag.Int("cycles").pipe(Flag.withDefault(5_000)),
  seed: Flag.String("seed").pipe(Flag.withDefault("1")),
  from: Flag.Int("from").pipe(Flag.withDescription("The first cycle, to replay one"), Flag.withDefault(0)),
  mode: Flag.Literals("mode", ["dedupes", "resends", "lets die"]).pipe(Flag.optional),
  jobs: Flag.Int("jobs").pipe(Flag.withDescription("Rigs side by side"), Flag.withDefault(1))
}, ({ mode, ...options }) =>
  Effect.gen(function*() {
    let told = 0
    const totals = yield* run({
      ...options,
      mode: Option.getOrUndefined(mode),
      onRig: Effect.fnUntraced(function*({ cycles, faults }) {
        for (const fault of faults.slice(told)) yield* Console.error(fault)
        told = faults.length
        if (cycles % 100 < 25) yield* Console.error(`${cycles} cycles, ${told} faults`)
      })
    })
    yield* Console.log(`seed ${options.seed}\n${totals.text}`)
    for (const fault of totals.faults) yield* Console.log(fault)
    if (totals.faults.length > 0) return yield* Effect.fail("faults were found")
  }))

NodeRuntime.runMain(Command.run(command, { version: "1" }).pipe(Effect.provide(NodeServices.layer)))
