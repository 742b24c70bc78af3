/**
 * One pod's life on one machine: a control plane (gRPC), a relay, Holdfast and an agent (the official MCP client), each a
 * process of its own without rights, killed and brought back. Ends with 0 only where everything held (docs/deploy).
 */
import { setTimeout as sleep } from "node:timers/promises"
import { inPod, type Pod } from "./Pod.ts"
import { isRoot, timeout } from "./PodProcess.ts"
import { reckon } from "./podReckoning.ts"

const began = performance.now()
const step = (text: string): void => {
  const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(5)
  process.stdout.write(`${seconds} s  ${text}\n`)
}

const expect = (what: string, actual: unknown, expected: unknown): void => {
  const [found, wanted] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (found !== wanted) throw new Error(`${what}: ${found} instead of ${wanted}`)
}

const until = async <A>(what: string, look: () => A | Promise<A>, good: (value: A) => boolean): Promise<A> => {
  const deadline = performance.now() + timeout
  while (true) {
    const value = await look()
    if (good(value)) return value
    if (performance.now() > deadline) throw new Error(`${what} did not come about: ${JSON.stringify(value)}`)
    await sleep(20)
  }
}

const life = async (pod: Pod): Promise<void> => {
  const sent: Array<string> = []
  /** What the relay has accepted, under the token that the plane pushed. */
  const delivered = async (...texts: ReadonlyArray<string>) => {
    sent.push(...texts)
    await until("as many messages at the relay", () => pod.ledger(), ({ length }) => length >= sent.length)
    expect("what the relay has", pod.ledger(), sent)
  }
  const arrived = () => until("the message", () => pod.messages("unread"), (count) => count === 1)
  const says = async (order: object, text: string, queued: boolean) =>
    expect("what the agent was answered", (await pod.agent.order(order, "answered"))["answered"], [{ text, queued }])

  await pod.startPlane()
  await pod.startRelay(1)
  await pod.startHoldfast()
  await pod.credential(1)
  await until("a proven token", () => pod.status(), ({ isProven }) => isProven)
  await pod.startAgent()
  step(`plane, relay, Holdfast and agent run, ${pod.rights()}`)
  step("the plane pushed a credential, and the relay takes Holdfast's requests under it")

  await until("the agent's stream", () => pod.status(), ({ streams }) => streams === 1)
  await pod.message("one")
  await pod.agent.event("it was told", ({ told }) => told === "holdfast.inbox")
  await says({ turn: true }, "answer to: one", false)
  await delivered("answer to: one")
  step("the plane pushed a message, the agent was told, read it and answered it")

  await pod.relay.kill()
  await pod.message("two")
  await arrived()
  await says({ turn: true }, "answer to: two", true)
  await pod.credential(2)
  await pod.startRelay(2)
  await delivered("answer to: two")
  step("the relay was killed and came back under another credential: the answer was queued, and went out once")

  await pod.plane.kill()
  await says({ say: "the plane is away" }, "the plane is away", false)
  await delivered("the plane is away")
  await pod.startPlane()
  await pod.message("three")
  await arrived()
  await says({ turn: true }, "answer to: three", false)
  await delivered("answer to: three")
  step("the plane was killed and came back: calls went on without it, and its next message was answered")

  await pod.relay.kill()
  await says({ say: "the relay is away" }, "the relay is away", true)
  await pod.killDaemon()
  await says({ say: "the daemon came back" }, "the daemon came back", true)
  step("Holdfast's daemon was killed: its supervisor started another, and the agent went on in its session")

  await pod.holdfast.kill()
  await pod.message("four")
  await pod.startHoldfast()
  await pod.startRelay(2)
  await delivered("the relay is away", "the daemon came back")
  await arrived()
  await says({ turn: true }, "answer to: four", false)
  await delivered("answer to: four")
  step("all of Holdfast was killed and came back: the plane said its credential again, the queue went out in order,")
  step("and the message of meanwhile was answered")

  const told = await reckon(pod, until)
  step(`the plane's log holds each of the ${told.records} records once and in order`)
  expect("messages in the inbox", [await pod.messages("all"), await pod.messages("unread")], [4, 0])
  expect("what the relay has", pod.ledger(), sent)
  step(`each of 4 messages was in the inbox once, and each of ${sent.length} answers is at the relay once and in order`)
  step("no credential is in a file, a record or an output of Holdfast")
  pod.holdfast.child.kill("SIGTERM")
  expect("Holdfast's exit code", await pod.holdfast.ended, 0)
  step("Holdfast stopped cleanly")
}

if (!isRoot) step("not started by root: each process runs under your own user, not under one of its own")
try {
  await inPod(life)
  step("everything held")
} catch (cause) {
  process.exitCode = 1
  step(`FAILED  ${cause instanceof Error ? cause.message : String(cause)}`)
}
