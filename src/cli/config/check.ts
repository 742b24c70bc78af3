import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { dataDirectory, settings } from "../configuration.ts"

export const check = Command.make("check", {}, () =>
  Effect.gen(function*() {
    const { listen, relay, relays } = yield* settings
    const directory = yield* dataDirectory
    const named = Object.keys(relays)
    yield* Console.log("the configuration is good")
    yield* Console.log(`  listen    http://${listen.host}:${listen.port}/mcp`)
    yield* Console.log(
      `  relay     ${
        [relay.url ?? (named.length === 0 ? "none: serve needs --relay or --embedded" : []), ...named].flat().join(", ")
      }`
    )
    yield* Console.log(`  data      ${directory}`)
  })).pipe(
    Command.withDescription("Check flags, environment and configuration file, and say what is in force"),
    Command.withExamples([{
      command: "holdfast config check",
      description: "Check the settings, and show which are in force"
    }])
  )
