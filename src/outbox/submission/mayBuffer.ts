/** Which calls may ever be queued, whatever their tool (BEHAVIOUR 5). A batch is its caller's to tell. */
import type { Request } from "../../domain/Message.ts"

/** What makes a call part of a conversation with the relay that a later delivery could not carry on. */
const conversational = ["requestState", "inputResponses", "task"]

export const mayBuffer = (request: Request): boolean =>
  request.method === "tools/call" && !conversational.some((name) => request.params[name] !== undefined)
