/** A control plane as an uplink sees it: one push, one watch, and what follows from its refusal. */
import { Context, Effect, type Option, type Redacted, Schema, type Stream } from "effect"
import type { UplinkSettings } from "../config/UplinkSettings.ts"

/** The statuses of gRPC (grpc.github.io/grpc/core/md_doc_statuscodes.html), as far as they mean something of their own. */
export const PlaneStatus = Schema.Literals([
  "unavailable",
  "deadline exceeded",
  "resource exhausted",
  "unauthenticated",
  "permission denied",
  "not found",
  "invalid argument",
  "unimplemented",
  "other"
])
export type PlaneStatus = typeof PlaneStatus.Type

export class PlaneFailure extends Schema.TaggedError<PlaneFailure>()("PlaneFailure", {
  status: PlaneStatus,
  /** In the plane's own words, or the network's; never the token. */
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.status}: ${this.detail}`
  }
}

export interface PlaneMessage {
  readonly id: string
  readonly seq: number
  readonly type: string
  readonly payload: string
}

export interface PlaneInboxMessage {
  readonly id: string
  readonly from: string
  readonly body: string
}

export interface Push {
  readonly type: string
  readonly payload: string
  /** The same each time that this record is sent. */
  readonly key: string
}

export type PlaneToken = Option.Option<Redacted.Redacted>

export interface Plane {
  /** The plane has it when this returns. In the order of the calls, as far as the plane takes them so. */
  readonly push: (push: Push, token: PlaneToken) => Effect.Effect<void, PlaneFailure>
  /** `onOpen`: the plane has begun to answer. Ends only where the plane ends it. */
  readonly watch: (after: number, token: PlaneToken, onOpen: () => void) => Stream.Stream<PlaneMessage, PlaneFailure>
  readonly watchInbox: (
    agentId: string,
    token: PlaneToken,
    onOpen: () => void
  ) => Stream.Stream<PlaneInboxMessage, PlaneFailure>
  /** Whatever is under way fails; what comes next has a new connection. */
  readonly disconnect: Effect.Effect<void>
}

export type MakePlane = (settings: UplinkSettings) => Effect.Effect<Plane, PlaneFailure>

/** How a plane is reached; tests bring their own. Loaded at its first use: nobody without an uplink needs it. */
export const PlaneMaker = Context.Reference<Effect.Effect<MakePlane>>("holdfast/uplink/PlaneMaker", {
  defaultValue: () => Effect.map(Effect.promise(() => import("./ConnectPlane.ts")), ({ make }) => make)
})

/** What is done about a refusal. */
export type Remedy = "wait" | "token" | "hold" | "skip" | "off"

const remedies: Partial<Record<PlaneStatus, Remedy>> = {
  unauthenticated: "token",
  "permission denied": "hold",
  "not found": "hold",
  "invalid argument": "skip",
  unimplemented: "off"
}

export const remedyOf = ({ status }: PlaneFailure): Remedy => remedies[status] ?? "wait"
