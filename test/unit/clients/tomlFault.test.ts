import { assert, describe, it } from "@effect/vitest"
import { tomlFault } from "../../../src/clients/tomlFault.ts"

const good = `# mine
model = "o3" # theirs
a.b . "c d" = 'x # not a comment'
empty = {}
list = [ 1, 2.5, # one
  [ "a", 'b' ], { x = 1, y.z = "}" },
]
when = 1979-05-27 07:32:00Z
text = """
"quoted" [not a table]
key without equals
"""
raw = '''it's'''
[mcp_servers."docs.one"]
url = "https://docs.test/mcp\\"x" # theirs
http_headers = { "X-Team" = "a", 'Y' = "b" }
[[history]]
name = "a"
[history.more]
size = 1
[[history]]
name = "b"
[history.more]
size = 2
`

describe("tomlFault", () => {
  it("finds none in what TOML allows, whatever ends its lines", () => {
    assert.strictEqual(tomlFault(good), "")
    assert.strictEqual(tomlFault(good.replaceAll("\n", "\r\n")), "")
    assert.strictEqual(tomlFault(`\uFEFF${good.trimEnd()}`), "")
    assert.strictEqual(tomlFault(""), "")
  })

  it.each<readonly [text: string, fault: string]>([
    ["a = 1\nb = \"open\nc = 2\n", ": a string has no end at line 2, column 5"],
    ["a = 1\n[table\nb = 2\n", ": a table's name has no \"]\" at line 2, column 7"],
    ["a = 1\n\njust words\n", ": a key without \"=\" at line 3, column 6"],
    ["a = \nb = 1\n", ": a value is expected at line 1, column 5"],
    ["a = [1, 2\nb = 3\n", ": \",\" or \"]\" is expected at line 2, column 1"],
    ["a = [1, 2,\n", ": a bracket has no \"]\" at line 1, column 5"],
    ["a = 1 b = 2\n", ": something follows where the line should end at line 1, column 6"],
    ["[a]\nx = 1\n[a]\ny = 2\n", ": this table is there twice at line 3, column 1"],
    ["[a]\nx = 1\nx = 2\n", ": this key is there twice at line 3, column 1"],
    ["{\n", ": a key is expected at line 1, column 1"]
  ])("names the line of %j", (text, fault) => {
    assert.strictEqual(tomlFault(text), fault)
  })

  it("quotes nothing of the text, which may hold a secret", () => {
    assert.notInclude(tomlFault("token = \"s3cret\n"), "s3cret")
  })
})
