/** What git runs: its credential helper, and nothing else of Holdfast's. */
import { answerGit } from "../credentials/GitHelper.ts"
import { helperCommand } from "../credentials/HelperCommand.ts"

const command = helperCommand(process.argv.slice(2))
if (command !== undefined) await answerGit(command)
