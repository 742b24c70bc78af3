/** The whole command line. What isn't built isn't here, so `--help` lists only what there is. */
import { Command } from "effect/cli"
import { agents } from "./agents.ts"
import { config } from "./config/config.ts"
import { connect } from "./connect/connect.ts"
import { context } from "./context.ts"
import { credential } from "./credential/credential.ts"
import { demo } from "./demo/demo.ts"
import { doctor } from "./doctor/doctor.ts"
import { events } from "./events.ts"
import { exec } from "./exec.ts"
import { gh } from "./gh.ts"
import { headers } from "./headers.ts"
import { health } from "./health.ts"
import { inbox } from "./inbox.ts"
import { login } from "./login/login.ts"
import { logs } from "./logs.ts"
import { open } from "./open.ts"
import { outbox } from "./outbox/outbox.ts"
import { relay } from "./relay.ts"
import { reload } from "./reload.ts"
import { restart } from "./restart.ts"
import { results } from "./results.ts"
import { root } from "./root.ts"
import { serve } from "./serve.ts"
import { status } from "./status.ts"
import { stdio } from "./stdio/stdio.ts"
import { stop } from "./stop.ts"
import { token } from "./token.ts"
import { tools } from "./tools/tools.ts"
import { top } from "./top/top.ts"
import { unwrap } from "./wrap/unwrap.ts"
import { wrap } from "./wrap/wrap.ts"

export const holdfast = root.pipe(
  Command.withSubcommands([
    connect,
    serve,
    stop,
    reload,
    restart,
    health,
    logs,
    events,
    relay,
    exec,
    stdio,
    headers,
    config,
    status,
    top,
    open,
    outbox,
    results,
    inbox,
    context,
    tools,
    agents,
    token,
    login,
    credential,
    gh,
    wrap,
    unwrap,
    doctor,
    demo
  ])
)
