import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import * as Message from "../../../../src/domain/Message.ts"
import { WholeBody } from "../../../../src/relay/transport/BodyText.ts"
import { KnownAnswers } from "../../../../src/relay/transport/KnownAnswers.ts"
import { jsonText } from "../../../support/jsonTexts.ts"

const body = (bytes: Buffer, ...cuts: ReadonlyArray<number>): WholeBody => {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)
  return new WholeBody(ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end)), bytes.length)
}

const learn = (answers: KnownAnswers, bytes: Buffer, id: string) => {
  const parsed = Message.parse(bytes.toString())
  assert.isTrue(Result.isSuccess(parsed) && parsed.success._tag === "Response")
  if (Result.isFailure(parsed) || parsed.success._tag !== "Response") throw new Error("no response")
  return answers.learn(body(bytes), parsed.success, id)
}

const id = fc.oneof(fc.integer().map(String), fc.string().map((text) => JSON.stringify(text)), fc.constant("1.0"))
const answerWith = (result: string, more: string, idIsFirst: boolean) => (id: string) =>
  idIsFirst
    ? ` {"jsonrpc": "2.0", "id" : ${id} ,${more} "result": ${result} }\n`
    : `{${more} "result" :${result}, "jsonrpc":"2.0","id":${id}} `
const answer = fc.tuple(jsonText, fc.oneof(fc.constant(""), jsonText.map((text) => `"é":${text},`)), fc.boolean()).map(
  ([result, more, idIsFirst]) => answerWith(result, more, idIsFirst)
)

describe("KnownAnswers", () => {
  it("knows an answer again under any id, however its bytes are cut, and gives it text by text", () => {
    fc.assert(fc.property(answer, id, id, fc.array(fc.nat()), (answer, first, second, cuts) => {
      const answers = new KnownAnswers()
      const learnt = learn(answers, Buffer.from(answer(first)), first)
      const known = answers.find(body(Buffer.from(answer(second)), ...cuts), second)
      assert.isDefined(known)
      assert.strictEqual(known, learnt)
      const { head, tail } = known!.around(second)
      assert.strictEqual(head + known!.result + tail, answer(second))
    }))
  })

  it("knows no answer that differs by a byte, or is to another id", () => {
    fc.assert(fc.property(answer, id, fc.nat(), fc.nat(), (answer, id, at, by) => {
      const answers = new KnownAnswers()
      learn(answers, Buffer.from(answer(id)), id)
      const other = Buffer.from(answer(id))
      other[at % other.length]! ^= by % 255 + 1
      assert.isUndefined(answers.find(body(other), id))
      assert.isUndefined(answers.find(body(Buffer.from(answer(id))), `"other ${id.length}"`))
      assert.isUndefined(answers.find(body(Buffer.from(answer(id)).subarray(0, -1)), id))
    }))
  })

  it("learns no error, no answer under a differently written id, and none that asks for input", () => {
    const answers = new KnownAnswers()
    const error = `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}`
    const input = `{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required"}}`
    assert.isUndefined(learn(answers, Buffer.from(error), "1"))
    assert.isUndefined(learn(answers, Buffer.from(input), "1"))
    assert.isUndefined(learn(answers, Buffer.from(`{"jsonrpc":"2.0","id":1.0,"result":{}}`), "1"))
  })

  it("is not misled by bytes before the id that are no UTF-8", () => {
    const answers = new KnownAnswers()
    const of = (id: string) =>
      Buffer.concat([
        Buffer.from(`{"x":"`),
        Buffer.from([0xff, 0xe9]),
        Buffer.from(`","jsonrpc":"2.0","id":${id},"result":{}}`)
      ])
    learn(answers, of("1"), "1")
    const known = answers.find(body(of("2")), "2")
    if (known !== undefined) {
      const { head, tail } = known.around("2")
      assert.strictEqual(head + known.result + tail, of("2").toString())
    }
    assert.isUndefined(learn(answers, of("1"), "1"))
  })

  it("remembers the last eight", () => {
    const answers = new KnownAnswers()
    const of = (list: number) => (id: string) => Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":{"list":${list}}}`)
    for (let list = 0; list < 9; list++) learn(answers, of(list)("1"), "1")
    assert.isUndefined(answers.find(body(of(0)("2")), "2"))
    for (let list = 1; list < 9; list++) assert.isDefined(answers.find(body(of(list)("2")), "2"))
  })
})
