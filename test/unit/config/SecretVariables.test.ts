import { assert, describe, it } from "@effect/vitest"
import { secretSettings, withoutSecrets } from "../../../src/config/SecretVariables.ts"
import { settingsFrom, SettingsSchema } from "../../../src/config/Settings.ts"
import { secretPaths } from "../../support/secretSettings.ts"

describe("the environment without secrets", () => {
  it("lacks the variables of every setting whose schema holds a secret, so that a new one is left out too", () => {
    const secret = [...new Set(secretPaths(SettingsSchema.ast).map((path) => path.split(".")[0]))]
    assert.sameMembers(secret, [...secretSettings])
  })

  it("lacks what a setting names and keeps what every program needs", () => {
    const settings = settingsFrom({
      token: { value: "{env:ONE}{env:PATH}" },
      credentials: { a: { hosts: ["a.test"], token: { url: { preset: "workspace-git" } } } }
    })
    const environment = {
      ONE: "1",
      WORKSPACE_TOKEN: "2",
      HOLDFAST_TOKEN: "3",
      HOLDFAST_TOKEN_VALUE: "4",
      ONE_MORE: "5"
    }
    assert.deepStrictEqual(withoutSecrets({ ...environment, PATH: "/bin", HOLDFAST_DATA_DIR: "/d" }, settings), {
      ONE_MORE: "5",
      PATH: "/bin",
      HOLDFAST_DATA_DIR: "/d"
    })
  })
})
