/**
 * What narrowing saves an agent's context window: the menu of a realistic relay of 100 tools, whole and as rules leave it.
 *
 * `node bench/menu.ts`. The definitions are made from the domains and verbs below, with descriptions and schemas of the
 * length that published servers have. A token is taken for four characters of JSON, which is what tokenizers give for
 * definitions, within a fifth.
 *
 * A client that searches tools by itself (Claude Code) has their names alone in its context, and each change of the list
 * is told to its model: what hiding saves there, and what a change costs.
 */
import { readList } from "../src/domain/ListText.ts"
import { compile, narrow } from "../src/menu/Narrowing.ts"

const domains = [
  "workspace",
  "message",
  "issue",
  "pull_request",
  "deploy",
  "incident",
  "metric",
  "database",
  "secret",
  "user"
]
const verbs = ["list", "get", "create", "update", "delete", "search", "assign", "comment", "approve", "history"]

const property = (description: string) => ({ type: "string", description })

const tool = (domain: string, verb: string) => ({
  name: `${domain}_${verb}`,
  description:
    `${verb[0]?.toUpperCase()}${verb.slice(1)} a ${domain.replace("_", " ")} of the project. Use it when the task `
    + `names one; give the id exactly as the list returned it. Fails where the caller's role does not allow it.`,
  inputSchema: {
    type: "object",
    properties: {
      id: property(`The ${domain.replace("_", " ")}'s id, as returned by ${domain}_list.`),
      project: property("The project's slug; the default project without."),
      body: property("Markdown. Mention people with @ and link other items by their id."),
      limit: { type: "integer", minimum: 1, maximum: 100, description: "At most so many results." },
      cursor: property("Continues a previous result.")
    },
    required: ["id"]
  },
  annotations: { readOnlyHint: ["list", "get", "search", "history"].includes(verb) }
})

const list = readList(
  "tools",
  JSON.stringify({ tools: domains.flatMap((domain) => verbs.map((verb) => tool(domain, verb))) })
)

const hides = compile([
  { tools: ["workspace_*", "pull_request_*"], needs: "isolatedWorktree" },
  { tools: ["deploy_*", "secret_*"], needs: "releaseWeek" },
  { tools: ["incident_*", "metric_*", "database_*"], needs: "onCall" },
  { tools: ["user_create", "user_update", "user_delete", "*_approve"], needs: "maintainer" }
])

const situations: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
  ["shared checkout", []],
  ["worktree of its own", ["isolatedWorktree"]],
  ["worktree, on call", ["isolatedWorktree", "onCall"]],
  ["everything holds", ["isolatedWorktree", "releaseWeek", "onCall", "maintainer"]]
]

const tokens = (text: string): number => Math.round(text.length / 4)
const count = (text: string): number => JSON.parse(text).tools.length

process.stdout.write(`whole menu            ${count(list.text)} tools  about ${tokens(list.text)} tokens\n`)
for (const [name, facts] of situations) {
  const from = performance.now()
  const seen = narrow(list, hides(new Set(facts)))
  const millis = performance.now() - from
  const saved = 100 * (1 - seen.length / list.text.length)
  process.stdout.write(
    `${name.padEnd(20)} ${String(count(seen)).padStart(4)} tools  about ${String(tokens(seen)).padStart(5)} tokens  `
      + `${saved.toFixed(0).padStart(3)} % saved  (narrowed in ${millis.toFixed(2)} ms)\n`
  )
}

// As Claude Code 2.1.330 was seen to: a name and a line break for each tool; an announcement for each change.
const prefix = "mcp__holdfast__"
const announcement = 590
const namesOf = (text: string): string =>
  JSON.parse(text).tools.map(({ name }: { readonly name: string }) => `${prefix}${name}\n`).join("")

process.stdout.write(`\na client that searches tools by itself\n`)
const wholeNames = namesOf(list.text)
process.stdout.write(`whole menu            ${wholeNames.length} bytes of names, about ${tokens(wholeNames)} tokens\n`)
for (const [name, facts] of situations) {
  const saved = wholeNames.length - namesOf(narrow(list, hides(new Set(facts)))).length
  const worth = saved / announcement
  process.stdout.write(
    `${name.padEnd(20)} ${String(saved).padStart(5)} bytes saved, as much as ${worth.toFixed(1)} announcements of `
      + `${announcement} bytes (${Math.round(announcement / 4)} tokens)\n`
  )
}
const own = ["status", "ready", "deps", "list", "claim", "release", "land"].map((verb) =>
  `${prefix}relay_workspace_${verb}\n`
)
process.stdout.write(
  `the default rule      ${own.join("").length} bytes saved until its first change, which costs ${announcement}\n`
)
