/**
 * What the conformance suite starts as its client: it hands the URL of the scenario's server to the test, where an
 * official client does the rest, and ends as that did.
 */
import { request } from "node:http"

const [port, url] = process.argv.slice(2)
const { MCP_CONFORMANCE_CONTEXT: context, MCP_CONFORMANCE_SCENARIO: scenario = "" } = process.env

// Holdfast itself is the OAuth client of the relay; an agent's client never sees its challenges.
if (!scenario.startsWith("auth/")) {
  const asking = request({ host: "127.0.0.1", port, method: "POST" }, (response) => {
    response.pipe(process.stderr)
    response.on("end", () => process.exit(response.statusCode === 200 ? 0 : 1))
  })
  asking.on("error", () => process.exit(1))
  asking.end(JSON.stringify({ url, scenario, context: JSON.parse(context ?? "{}") }))
}
