import { assert, describe, it } from "@effect/vitest"
import { format, parse } from "../../../src/credentials/GitCredential.ts"
import { chainFor, parseList, withOurs } from "../../../src/credentials/HelperChain.ts"

const nothing = { protocol: undefined, host: undefined, username: undefined, password: undefined }

describe("git's credential protocol", () => {
  it.each([
    ["protocol=https\nhost=github.com\n\n", { ...nothing, protocol: "https", host: "github.com" }],
    ["protocol=https\r\nhost=github.com:8443\r\n", { ...nothing, protocol: "https", host: "github.com:8443" }],
    ["host=a\n\nhost=b\n", { ...nothing, host: "a" }],
    ["password=a=b=\nwwwauth[]=Basic\nunknown=1\nnonsense\n", { ...nothing, password: "a=b=" }],
    ["url=https://me:pw@h:1/p\n", { protocol: "https", host: "h:1", username: "me", password: "pw" }],
    ["url=https://%67ithub.com/p\n", { ...nothing, protocol: "https", host: "%67ithub.com" }],
    ["url=https://a@b@github.com\n", nothing],
    ["url=https:\\\\github.com\n", nothing],
    ["", nothing]
  ])("is read to its end: %j", (text, expected) => {
    assert.deepStrictEqual(parse(text), expected)
  })

  it("is written with the expiry in seconds, and not at all where a value would break its lines", () => {
    const answer = { protocol: "https", host: "h", username: "u", password: "p", expiresAt: 1999 }
    assert.deepStrictEqual(
      format(answer),
      "protocol=https\nhost=h\nusername=u\npassword=p\npassword_expiry_utc=1\n"
    )
    assert.isUndefined(format({ ...answer, password: "p\nhost=evil" }))
  })
})

describe("the chain of helpers", () => {
  const entries = parseList(
    "credential.helper\nsystem\0user.name\na\0credential.https://github.com.helper\nmine\0"
      + "credential.https://gitlab.com.helper\nother\0credential.https://github.com/path.helper\nnarrow\0bare\0"
  )

  it("is that of the place, in git's order, from the last empty one on", () => {
    assert.deepStrictEqual(chainFor(entries, "https://github.com"), ["system", "mine"])
    const emptied = [...entries, { key: "credential.helper", value: "" }, { key: "credential.helper", value: "last" }]
    assert.deepStrictEqual(chainFor(emptied, "https://github.com"), ["last"])
  })

  it("has ours first, and asks the others without telling them anything", () => {
    assert.deepStrictEqual(withOurs("holdfast credential", ["store --file x", "/bin/k", "!f"]), [
      "",
      "!f() { case \"$1\" in get|erase) exec holdfast credential \"$1\";; esac; }; f",
      "!f() { if test \"$1\" = get; then git credential-store --file x get; fi; }; f",
      "!f() { if test \"$1\" = get; then /bin/k get; fi; }; f",
      "!f() { if test \"$1\" = get; then f get; fi; }; f"
    ])
  })
})
