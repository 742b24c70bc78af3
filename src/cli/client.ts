/** What agents, git and people start many times a day: it asks the daemon, and needs little else. */
import { Command } from "effect/cli"
import { agents } from "./agents.ts"
import { context } from "./context.ts"
import { credential } from "./credential/credential.ts"
import { exec } from "./exec.ts"
import { gh } from "./gh.ts"
import { headers } from "./headers.ts"
import { health } from "./health.ts"
import { logs } from "./logs.ts"
import { open } from "./open.ts"
import { outbox } from "./outbox/outbox.ts"
import { reload } from "./reload.ts"
import { restart } from "./restart.ts"
import { root } from "./root.ts"
import { status } from "./status.ts"
import { stdio } from "./stdio/stdio.ts"
import { stop } from "./stop.ts"
import { token } from "./token.ts"
import { tools } from "./tools/tools.ts"
import { top } from "./top/top.ts"

export const client = root.pipe(
  Command.withSubcommands([
    agents,
    context,
    credential,
    exec,
    gh,
    headers,
    health,
    logs,
    open,
    outbox,
    reload,
    restart,
    status,
    stdio,
    stop,
    token,
    tools,
    top
  ])
)
