/** A connection to an agent whose bytes a test reads; nothing of it goes over a network. */
import { IncomingMessage, ServerResponse } from "node:http"
import { Socket } from "node:net"
import { Connection } from "../../src/mcp/streams/Connection.ts"

export const silentConnection = () => {
  const written: Array<string> = []
  const socket = new Socket()
  let taking = true
  const stalled: Array<() => void> = []
  socket._write = (chunk: Buffer | string, _encoding, done) => {
    written.push(String(chunk))
    if (taking) done()
    else stalled.push(done)
  }
  Object.assign(socket, { _writev: null })
  const response = new ServerResponse(new IncomingMessage(socket))
  response.assignSocket(socket)
  socket.on("drain", () => response.emit("drain"))
  return {
    connection: new Connection(response),
    /** All that was written, heads and chunk marks included. */
    text: () => written.join(""),
    /** The client reads no further, until `resume`. */
    stall: () => {
      taking = false
    },
    resume: () => {
      taking = true
      for (const done of stalled.splice(0)) done()
    }
  }
}
