/** Both ends of the local socket protocol in a test's hands, over the real codec: a daemon that is scripted, and a client. */
import { encodeFrameLegacy, FrameParser } from "@agent-relay/protocol"
import { Effect, type Scope } from "effect"
import { connect, createServer, type Socket } from "node:net"
import { temporaryDirectory } from "../temporaryDirectory.ts"

export interface Frame {
  readonly type: string
  readonly id: string
  readonly from?: string
  readonly to?: string
  // What a test expects of a payload is the test's to say.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly payload: any
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly payload_meta?: any
  readonly delivery?: { readonly seq: number; readonly session_id: string; readonly originalTo?: string }
}

let ids = 0

export class Peer {
  readonly received: Array<Frame> = []
  readonly socket: Socket
  readonly ended: Promise<void>
  #looking = new Set<() => void>()
  #parser = new FrameParser()

  constructor(socket: Socket, onFrame: (frame: Frame, peer: Peer) => void = () => {}) {
    this.socket = socket
    this.#parser.setLegacyMode(true)
    socket.on("data", (bytes) => {
      for (const frame of this.#parser.push(bytes)) {
        const read = frame as unknown as Frame
        this.received.push(read)
        onFrame(read, this)
      }
      this.#looking.forEach((look) => look())
    })
    socket.on("error", () => {})
    this.ended = new Promise((done) => socket.once("close", () => done()))
  }

  send(type: string, payload: unknown = {}, rest: object = {}): string {
    const envelope = { v: 1, type, id: `p${++ids}`, ts: 1, payload, ...rest }
    this.socket.write(encodeFrameLegacy(envelope as never))
    return envelope.id
  }

  /** The first frame, so far or to come, that is wanted. */
  first(wanted: string | ((frame: Frame) => boolean)): Effect.Effect<Frame> {
    const is = typeof wanted === "string" ? ({ type }: Frame) => type === wanted : wanted
    return Effect.promise(() =>
      new Promise<Frame>((done) => {
        const look = () => {
          const found = this.received.find(is)
          if (found === undefined) return
          this.#looking.delete(look)
          done(found)
        }
        this.#looking.add(look)
        look()
      })
    )
  }

  all(type: string): ReadonlyArray<Frame> {
    return this.received.filter((frame) => frame.type === type)
  }
}

/** A client of the daemon at `path`, with nothing said yet. */
export const peer = (
  path: string,
  onFrame?: (frame: Frame, peer: Peer) => void
): Effect.Effect<Peer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() =>
      new Promise<Peer>((done, failed) => {
        const socket = connect(path, () => done(new Peer(socket, onFrame)))
        socket.once("error", failed)
      })
    ),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

export const hello = (agent: string, rest: object = {}) => ({
  agent,
  capabilities: { ack: true, resume: true, max_inflight: 256, supports_topics: true },
  ...rest
})

/** A client that acknowledges what it is delivered, unless told not to, and answers PING; greeted. */
export const greeted = Effect.fnUntraced(function*(
  path: string,
  agent: string,
  options: { readonly acknowledges?: boolean; readonly resumeToken?: string } = {}
) {
  const client = yield* peer(path, (frame, self) => {
    if (frame.type === "PING") self.send("PONG", frame.payload)
    if (frame.type === "DELIVER" && options.acknowledges !== false) {
      self.send("ACK", { ack_id: frame.id, seq: frame.delivery?.seq })
    }
  })
  client.send(
    "HELLO",
    hello(agent, options.resumeToken === undefined ? {} : { session: { resume_token: options.resumeToken } })
  )
  const welcome = yield* client.first("WELCOME")
  return { client, session: String(welcome.payload.session_id), resumeToken: String(welcome.payload.resume_token) }
})

export interface Double {
  readonly path: string
  readonly url: URL
  readonly peers: ReadonlyArray<Peer>
  /** May be changed at any time; `true` where it has answered the frame itself. */
  script: (frame: Frame, peer: Peer) => boolean | void
  /** Closes each connection, and takes none until `listen`. */
  readonly stop: Effect.Effect<void>
  readonly listen: Effect.Effect<void>
}

/** A daemon that says WELCOME, answers STATUS and acknowledges what is sent, unless its script does otherwise. */
export const socketDouble = Effect.fnUntraced(function*(
  script: Double["script"] = () => {},
  welcome: object = { session_id: "s1", server: { max_frame_bytes: 1_048_576, heartbeat_ms: 5000 } }
) {
  const directory = yield* temporaryDirectory
  const path = `${directory}/relay.sock`
  const peers: Array<Peer> = []
  const double = { script }
  const answer = (frame: Frame, self: Peer) => {
    if (double.script(frame, self) === true) return
    switch (frame.type) {
      case "HELLO":
        return void self.send("WELCOME", welcome)
      case "STATUS":
        return void self.send("STATUS_RESPONSE", { version: "d" }, { id: frame.id })
      case "SEND":
        return void self.send("ACK", {
          ack_id: frame.id,
          seq: 1,
          correlationId: frame.payload_meta?.sync?.correlationId,
          response: "OK"
        })
    }
  }
  const open = () =>
    createServer((socket) => {
      peers.push(new Peer(socket, answer))
    })
  let server = open()
  const listen = Effect.promise(() => new Promise<void>((done) => void server.listen(path, done)))
  const stop = Effect.promise(() =>
    new Promise<void>((done) => {
      server.close(() => done())
      peers.forEach(({ socket }) => socket.destroy())
    })
  )
  yield* Effect.acquireRelease(listen, () => stop)
  return Object.assign(double, {
    path,
    url: new URL(`unix://${path}`),
    peers,
    stop: Effect.andThen(stop, Effect.sync(() => void (server = open()))),
    listen: Effect.suspend(() => Effect.promise(() => new Promise<void>((done) => void server.listen(path, done))))
  }) satisfies Double
})
