/**
 * Frames on a local socket: four bytes with the length, big-endian, then that many bytes of UTF-8 JSON, one object.
 *
 * The parser takes bytes as they come and holds no more than one frame. Any split of the bytes gives the same frames.
 * After a fault nothing more can be read: who made it is not to be trusted with where the next frame begins.
 */
import { Predicate, Result } from "effect"
import * as JsonScan from "../../domain/JsonScan.ts"
import { maxDepth, maxValues } from "../../domain/Message.ts"

export const maxFrameBytes = 1_048_576

const headerBytes = 4
/** A length is only a promise: room is made as bytes come. */
const firstRoom = 16 * 1024

export type JsonObject = Readonly<Record<string, unknown>>

/** Why bytes are no frame, in words for the peer. */
export interface FrameFault {
  readonly detail: string
}

/** Gives `undefined` where the frame would be larger than a peer takes. */
export const encode = (envelope: object, max: number = maxFrameBytes): Buffer | undefined => {
  const body = Buffer.from(JSON.stringify(envelope), "utf8")
  if (body.length > max) return undefined
  const frame = Buffer.allocUnsafe(headerBytes + body.length)
  frame.writeUInt32BE(body.length, 0)
  body.copy(frame, headerBytes)
  return frame
}

const fault = (detail: string): Result.Result<never, FrameFault> => Result.fail({ detail })

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const decode = (body: Uint8Array): Result.Result<JsonObject, FrameFault> => {
  let text: string
  try {
    text = utf8.decode(body)
  } catch {
    return fault("the frame is not UTF-8")
  }
  const { dense, depth } = JsonScan.measure(text, maxValues)
  if (depth > maxDepth) return fault(`the frame nests deeper than ${maxDepth} levels`)
  if (dense) return fault(`the frame has more than ${maxValues} values`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return fault("the frame is not JSON")
  }
  return Predicate.isReadonlyObject(value) && !Array.isArray(value)
    ? Result.succeed(value)
    : fault("the frame is not a JSON object")
}

export class FrameParser {
  readonly #header = Buffer.alloc(headerBytes)
  #headerLength = 0
  #body = Buffer.alloc(0)
  #bodyLength = 0
  /** Of the frame at hand, once its header is whole. */
  #expected: number | undefined
  #fault: FrameFault | undefined

  /** The frames that these bytes complete, in order; those before a fault come with it. */
  push(bytes: Uint8Array): { readonly frames: ReadonlyArray<JsonObject>; readonly fault: FrameFault | undefined } {
    const frames: Array<JsonObject> = []
    let at = 0
    while (at < bytes.length && this.#fault === undefined) {
      at = this.#expected === undefined
        ? this.#readHeader(bytes, at)
        : this.#readBody(bytes, at, this.#expected, frames)
    }
    return { frames, fault: this.#fault }
  }

  /** A frame has begun, and more of it is to come. */
  get isHalf(): boolean {
    return this.#headerLength > 0
  }

  #readHeader(bytes: Uint8Array, from: number): number {
    const end = Math.min(bytes.length, from + headerBytes - this.#headerLength)
    this.#header.set(bytes.subarray(from, end), this.#headerLength)
    this.#headerLength += end - from
    if (this.#headerLength === headerBytes) {
      const length = this.#header.readUInt32BE(0)
      if (length === 0) this.#fault = { detail: "the frame is empty" }
      else if (length > maxFrameBytes) this.#fault = { detail: `the frame is larger than ${maxFrameBytes} bytes` }
      else {
        this.#expected = length
        this.#body = Buffer.allocUnsafeSlow(Math.min(length, firstRoom))
      }
    }
    return end
  }

  #readBody(bytes: Uint8Array, from: number, expected: number, frames: Array<JsonObject>): number {
    const end = Math.min(bytes.length, from + expected - this.#bodyLength)
    const needed = this.#bodyLength + end - from
    if (needed > this.#body.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(expected, Math.max(needed, this.#body.length * 2)))
      this.#body.copy(larger, 0, 0, this.#bodyLength)
      this.#body = larger
    }
    this.#body.set(bytes.subarray(from, end), this.#bodyLength)
    this.#bodyLength = needed
    if (needed === expected) {
      const decoded = decode(this.#body.subarray(0, expected))
      if (Result.isFailure(decoded)) this.#fault = decoded.failure
      else frames.push(decoded.success)
      this.#headerLength = 0
      this.#bodyLength = 0
      this.#expected = undefined
      this.#body = Buffer.alloc(0)
    }
    return end
  }
}
