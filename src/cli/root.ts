/** `holdfast`: what every command shares. */
import { CliConfig, Command, Flag, GlobalFlag } from "effect/cli"

/** The framework's own flags, but for its log level: `log.level` sets that for all commands alike. */
export const builtIns = CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] })

export const root = Command.make("holdfast").pipe(
  Command.withSharedFlags({
    dataDir: Flag.String("data-dir").pipe(
      // An empty one, as of an unset variable, would be the present directory.
      Flag.filter((directory) => directory !== "", () => "DIR"),
      Flag.withDescription("Where the daemon keeps queue, sessions and secrets"),
      Flag.withMetavar("DIR"),
      Flag.optional
    ),
    config: Flag.String("config").pipe(
      Flag.filter((file) => file !== "", () => "FILE"),
      Flag.withDescription(
        "Configuration file, in place of holdfast/holdfast.json under the user's configuration directory"
      ),
      Flag.withMetavar("FILE"),
      Flag.optional
    )
  }),
  Command.withDescription("The MCP endpoint that a coding agent connects to and that never goes away"),
  Command.withExamples([
    {
      command: "holdfast serve --relay https://relay.example.com/mcp",
      description: "Run the daemon in front of your remote MCP server"
    },
    { command: "holdfast exec -- claude", description: "Start Claude Code, connected" },
    { command: "holdfast doctor", description: "Check each link of the chain" }
  ])
)
