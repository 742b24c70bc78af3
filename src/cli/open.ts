/** Signs a browser in to the dashboard, and all of them out. */
import { Console, DateTime, Effect, Path } from "effect"
import { Command, Flag } from "effect/cli"
import { chmodSync, writeFileSync } from "node:fs"
import { dataDirectory } from "./configuration.ts"
import { command } from "./connect/command.ts"
import { DaemonClient, withDaemon } from "./DaemonClient.ts"

/** A browser on this screen, of this person: not root's, and not the screen of whoever is logged in from elsewhere. */
const opener = (): string | undefined => {
  if (process.stdout.isTTY !== true || process.getuid?.() === 0 || process.env["SSH_CONNECTION"] !== undefined) {
    return undefined
  }
  if (process.platform === "darwin") return "open"
  const screen = process.env["WAYLAND_DISPLAY"] ?? process.env["DISPLAY"]
  return process.platform === "linux" && screen !== undefined ? "xdg-open" : undefined
}

/** The link stands in a file of the data directory: every user of the machine can read what a program is started with. */
const openBrowser = Effect.fnUntraced(function*(program: string, url: string) {
  const path = yield* Path.Path
  const file = path.join(yield* dataDirectory, "open.html")
  yield* Effect.try(() => {
    writeFileSync(file, `<!doctype html><meta http-equiv="refresh" content="0;url=${url}">`, { mode: 0o600 })
    chmodSync(file, 0o600)
  })
  return (yield* command(program, [file])).ok
})

/** Prints the link, and starts a browser with it where `browser` says so and one can be had. */
export const openDashboard = Effect.fn("openDashboard")(function*({ browser }: { readonly browser: boolean }) {
  const daemon = yield* DaemonClient
  const { expiresAt, url } = yield* daemon.ask((client) => client.session.link())
  const program = browser ? opener() : undefined
  const opened = program !== undefined && (yield* Effect.orElseSucceed(openBrowser(program, url), () => false))
  yield* Console.log(url)
  const until = DateTime.formatIso(expiresAt).slice(11, 19)
  yield* Console.error(
    opened
      ? "a browser was started with this link"
      : `open it in a browser on this machine: it is good once, until ${until} UTC, and signs in whoever opens it`
  )
})

export const open = Command.make(
  "open",
  {
    print: Flag.Boolean("print").pipe(
      Flag.withDescription("Start no browser, print the link alone"),
      Flag.withDefault(false)
    ),
    signOut: Flag.Boolean("sign-out").pipe(
      Flag.withDescription("Sign every browser out, and make every link worthless"),
      Flag.withDefault(false)
    )
  },
  Effect.fn(function*({ print, signOut }) {
    if (!signOut) return yield* openDashboard({ browser: !print })
    const daemon = yield* DaemonClient
    yield* daemon.ask((client) => client.session.signOut())
    yield* Console.log("every browser is signed out")
  })
).pipe(
  Command.withDescription("Open the dashboard: a link that signs a browser in, once"),
  Command.withExamples([
    { command: "holdfast open", description: "Start a browser with the dashboard, or print the link" },
    { command: "holdfast open --sign-out", description: "Sign every browser out" }
  ]),
  withDaemon
)
