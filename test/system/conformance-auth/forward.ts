/** What the suite runs as the client: hands the task to the test that started the suite, and ends as that says. */
const [, , port, url] = process.argv
const response = await fetch(`http://127.0.0.1:${port}`, {
  method: "POST",
  body: JSON.stringify({
    url,
    scenario: process.env["MCP_CONFORMANCE_SCENARIO"],
    version: process.env["MCP_CONFORMANCE_PROTOCOL_VERSION"],
    context: JSON.parse(process.env["MCP_CONFORMANCE_CONTEXT"] ?? "{}")
  })
})
process.stderr.write(await response.text())
process.exitCode = response.ok ? 0 : 1
