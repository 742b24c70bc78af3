/**
 * One HTTP/1.1 connection by hand, so that the load costs a fraction of what it measures: prebuilt bytes out, and of an
 * answer only its status, its end and its body.
 */
import { connect, type Socket } from "node:net"

export interface Reply {
  readonly status: number
  /** Lower case is not assumed of the names. */
  readonly head: string
  readonly body: Buffer
  /** When the first bytes of the body came. */
  readonly firstAt: number
}

interface Pending {
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
  /** For streams that don't end. */
  readonly onPiece: ((piece: Buffer) => void) | undefined
}

const headEnd = Buffer.from("\r\n\r\n")

export class Connection {
  readonly #url: URL
  #socket: Socket | undefined
  #pending: Pending | undefined
  #rest: Buffer = Buffer.alloc(0)
  #head: string | undefined
  #status = 0
  /** Bytes of the body, or of the chunk, that are still to come; -1 before a chunk's size is known. */
  #left = 0
  #chunked = false
  /** Whether the other side closes after this answer. */
  #last = false
  #body: Array<Buffer> = []
  #firstAt = 0

  constructor(url: URL) {
    this.#url = url
  }

  /** One at a time. Connects anew where the other side has closed meanwhile, as it may between requests. */
  request(bytes: Buffer | string, onPiece?: (piece: Buffer) => void): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject, onPiece }
      this.#socket ??= this.#open()
      this.#socket.write(bytes)
    })
  }

  close(): void {
    this.#pending = undefined
    this.#socket?.destroy()
  }

  #open(): Socket {
    const socket = connect({ host: this.#url.hostname, port: Number(this.#url.port), noDelay: true })
    socket.on("data", (chunk) => this.#receive(chunk))
    socket.on("error", (error) => this.#gone(socket, error))
    socket.on("end", () => this.#gone(socket))
    socket.on("close", () => this.#gone(socket))
    return socket
  }

  #gone(socket: Socket, error = new Error("the connection was closed")): void {
    if (this.#socket !== socket) return
    this.#socket = undefined
    this.#fail(error)
  }

  #fail(error: Error): void {
    const pending = this.#pending
    this.#pending = undefined
    pending?.reject(error)
  }

  #receive(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    if (this.#head === undefined && !this.#readHead()) return
    if (this.#chunked) this.#readChunks()
    else this.#readLength()
  }

  #readHead(): boolean {
    const end = this.#rest.indexOf(headEnd)
    if (end < 0) return false
    const head = this.#rest.toString("latin1", 0, end)
    this.#head = head
    this.#status = Number(head.slice(9, 12))
    this.#chunked = /\r\ntransfer-encoding: *chunked/i.test(head)
    this.#last = /\r\nconnection: *close/i.test(head)
    this.#left = this.#chunked ? -1 : Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
    this.#rest = this.#rest.subarray(end + 4)
    return true
  }

  #readLength(): void {
    if (this.#rest.length > 0) this.#take(Math.min(this.#left, this.#rest.length))
    if (this.#left === 0) this.#end()
  }

  #readChunks(): void {
    while (this.#rest.length > 0) {
      if (this.#left < 0) {
        const line = this.#rest.indexOf("\r\n")
        if (line < 0) return
        const size = Number.parseInt(this.#rest.toString("latin1", 0, line), 16)
        if (size === 0) {
          if (this.#rest.length < line + 4) return
          this.#rest = this.#rest.subarray(line + 4)
          return this.#end()
        }
        this.#rest = this.#rest.subarray(line + 2)
        this.#left = size
      }
      if (this.#left > 0) this.#take(Math.min(this.#left, this.#rest.length))
      if (this.#left > 0 || this.#rest.length < 2) return
      this.#rest = this.#rest.subarray(2)
      this.#left = -1
    }
  }

  #take(count: number): void {
    const piece = this.#rest.subarray(0, count)
    if (this.#firstAt === 0) this.#firstAt = performance.now()
    if (this.#pending?.onPiece === undefined) this.#body.push(piece)
    else this.#pending.onPiece(piece)
    this.#rest = this.#rest.subarray(count)
    this.#left -= count
  }

  #end(): void {
    const pending = this.#pending
    const [only] = this.#body
    const reply = {
      status: this.#status,
      head: this.#head ?? "",
      body: this.#body.length === 1 && only !== undefined ? only : Buffer.concat(this.#body),
      firstAt: this.#firstAt
    }
    this.#head = undefined
    this.#body = []
    this.#firstAt = 0
    this.#pending = undefined
    if (this.#last) {
      const socket = this.#socket
      this.#socket = undefined
      socket?.destroy()
    }
    pending?.resolve(reply)
  }
}
