/** One JSON document on standard output: exactly what the admin API answers. */
import { Console, Effect, Schema } from "effect"

export const printJson = <S extends Schema.Top>(schema: S) => {
  const encode = Schema.encodeEffect(Schema.toCodecJson(schema))
  return (value: S["Type"]) =>
    Effect.flatMap(Effect.orDie(encode(value)), (document) => Console.log(JSON.stringify(document, null, 2)))
}
