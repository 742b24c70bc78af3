/** What a plane's event of type `user` says: JSON in one of the usual forms, else plain text. */
import { Option, Predicate, Schema } from "effect"

export interface UserMessage {
  readonly from: string | undefined
  readonly body: string
}

const decodeJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

/** A text, or text blocks of a model's message. */
const textIn = (content: unknown): string | undefined => {
  if (Predicate.isString(content)) return content
  if (!Array.isArray(content)) return undefined
  const texts = content.flatMap((block: unknown) =>
    Predicate.hasProperty(block, "text") && Predicate.isString(block.text) ? [block.text] : []
  )
  return texts.length === 0 ? undefined : texts.join("\n")
}

/** `messages` as a model gets them: what users say in it. */
const ofUsers = (messages: unknown): string | undefined => {
  if (!Array.isArray(messages)) return undefined
  const texts = messages.flatMap((message: unknown) => {
    const isUsers = Predicate.hasProperty(message, "role") && message.role === "user"
    const text = isUsers && Predicate.hasProperty(message, "content") ? textIn(message.content) : undefined
    return text === undefined ? [] : [text]
  })
  return texts.length === 0 ? undefined : texts.join("\n")
}

const bodyIn = (value: object): string | undefined => {
  const member = (name: string) => Predicate.hasProperty(value, name) ? value[name] : undefined
  return [textIn(member("body")), textIn(member("text")), textIn(member("content")), ofUsers(member("messages"))]
    .find((text) => text !== undefined)
}

/** JSON of another form is the message as it stands. */
export const parse = (payload: string): UserMessage => {
  const plain = { from: undefined, body: payload }
  const value = Option.getOrUndefined(decodeJson(payload))
  if (Predicate.isString(value)) return { from: undefined, body: value }
  if (!Predicate.isObject(value)) return plain
  const body = bodyIn(value)
  if (body === undefined) return plain
  const from = Predicate.hasProperty(value, "from") && Predicate.isString(value.from) ? value.from : undefined
  return { from, body }
}
