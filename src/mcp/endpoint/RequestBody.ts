/** Reads a request's body as text. */
import { Effect } from "effect"
import { isUtf8 } from "node:buffer"
import type { IncomingMessage } from "node:http"
import { codes } from "../../domain/JsonRpcError.ts"
import { type Refusal, refusal } from "./Refusal.ts"

const tooLarge = (most: number): Refusal =>
  refusal(413, `the body is larger than ${most} bytes; send less, or raise listen.maxBody`)

/**
 * At most `most` bytes of UTF-8: 413 beyond, 400 for other bytes. A body that is refused is still drained, so that the
 * client reads the refusal and not a broken connection; the server's request timeout bounds that, as it bounds the wait.
 */
export const readBody = (request: IncomingMessage, most: number): Effect.Effect<string, Refusal> =>
  Effect.callback((resume) => {
    const chunks: Array<Buffer> = []
    let size = 0
    const done = (result: Effect.Effect<string, Refusal>) => {
      stop()
      resume(result)
    }
    const refuse = () => {
      done(Effect.fail(tooLarge(most)))
      request.resume()
    }
    const onData = (chunk: Buffer) => {
      size += chunk.length
      if (size > most) return refuse()
      chunks.push(chunk)
    }
    const onEnd = () => {
      const body = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
      done(
        isUtf8(body)
          ? Effect.succeed(body.toString("utf8"))
          : Effect.fail(refusal(400, "the body is not UTF-8; encode the JSON as UTF-8", { code: codes.parse }))
      )
    }
    const stop = () => {
      request.off("data", onData)
      request.off("end", onEnd)
    }
    if (Number(request.headers["content-length"] ?? 0) > most) return refuse()
    request.on("data", onData)
    request.on("end", onEnd)
    return Effect.sync(stop)
  })
