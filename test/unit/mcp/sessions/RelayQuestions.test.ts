import { assert, describe, it } from "@effect/vitest"
import { RelayQuestions } from "../../../../src/mcp/sessions/RelayQuestions.ts"

describe("RelayQuestions", () => {
  it("shows a question under the relay's own id, and gives the answer back under it", () => {
    const questions = new RelayQuestions()
    assert.strictEqual(questions.asked("0", 1), "0")
    assert.strictEqual(questions.answered("0", 1), "0")
    assert.strictEqual(questions.asked("0", 2), "0")
  })

  it("shows another id where a new relay session reuses one that is still open", () => {
    const questions = new RelayQuestions()
    questions.asked("0", 1)
    const shown = questions.asked("0", 2)
    assert.notStrictEqual(shown, "0")
    assert.strictEqual(questions.shownAs("0", 2), shown)
    assert.strictEqual(questions.answered("0", 2), undefined)
    assert.strictEqual(questions.answered(shown, 2), "0")
  })

  it("gives an answer to nobody twice, and none to a session that is gone", () => {
    const questions = new RelayQuestions()
    questions.asked("7", 1)
    assert.strictEqual(questions.answered("7", 2), undefined)
    assert.strictEqual(questions.answered("7", 1), undefined)
  })

  it("stays bounded where questions are never answered", () => {
    const questions = new RelayQuestions()
    for (let id = 0; id < 5_000; id++) questions.asked(String(id), 1)
    assert.strictEqual(questions.answered("0", 1), undefined)
    assert.strictEqual(questions.answered("4999", 1), "4999")
  })

  it("takes back, once, what older relay sessions asked, as the agent saw it", () => {
    const questions = new RelayQuestions()
    questions.asked("1", 1)
    const renamed = questions.asked("1", 2)
    assert.deepStrictEqual(questions.replacedBy(2), ["1"])
    assert.deepStrictEqual(questions.replacedBy(2), [])
    assert.strictEqual(questions.answered(renamed, 2), "1")
    assert.isUndefined(questions.answered("1", 1))
  })
})
