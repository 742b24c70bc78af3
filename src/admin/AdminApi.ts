/**
 * The admin API's shape, apart from its handlers: the command line shares it.
 *
 * Everything is JSON; `--json` prints these documents as they are. Errors are `{ _tag, message }` with a status.
 */
import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiMiddleware, HttpApiSchema } from "effect/http-api"
import { LogLevel } from "../config/Settings.ts"
import { AgentName, RelayId } from "../domain/Ids.ts"
import { BadRequest, Conflict, NotFound, Unauthorized, Unavailable } from "./AdminErrors.ts"
import { AgentView, LeaseRequest, LeaseView, NewAgent } from "./AgentView.ts"
import { ContextCommand, ContextView } from "./ContextView.ts"
import { CredentialAnswer, CredentialPlace, CredentialRefused, CredentialView } from "./CredentialView.ts"
import { InboxMessageDetail, InboxPage, InboxReceipt, NewInboxMessage } from "./InboxView.ts"
import { Instant } from "./Instant.ts"
import { LanesView } from "./LanesView.ts"
import { DetailPage, EntryDetail, EntryPage, EntryStateView } from "./OutboxView.ts"
import { ResultDetail, ResultPage } from "./ResultsView.ts"
import { RelaySamples } from "./SamplesView.ts"
import { SessionView } from "./SessionsView.ts"
import { StatusView } from "./StatusView.ts"
import { TokenView } from "./TokenView.ts"
import { ToolsView } from "./ToolsView.ts"
import { Approval, UnapprovedTools } from "./UnapprovedTools.ts"

/** `variables` are names that the daemon is asked about: whether its environment has them. */
export const ReloadCommand = Schema.Struct({ variables: Schema.optional(Schema.Array(Schema.String)) })

export const ReloadView = Schema.Struct({
  /** All that are served now. */
  relays: Schema.Array(RelayId),
  added: Schema.Array(RelayId),
  changed: Schema.Array(RelayId),
  removed: Schema.Array(Schema.Struct({ relay: RelayId, undelivered: Schema.Int })),
  /** Settings that differ from those in force and count from the next start on; older daemons do not say. */
  needRestart: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Those of the variables that the daemon's environment lacks. */
  unset: Schema.Array(Schema.String)
})
export type ReloadView = typeof ReloadView.Type

/** The admin secret as a bearer token, or a browser that is signed in. */
export class AdminAccess extends HttpApiMiddleware.Service<AdminAccess>()("holdfast/admin/AdminAccess", {
  requiredForClient: true,
  error: Unauthorized
}) {}

/** Input that doesn't fit the API's schemas is answered with what was expected, not with an empty 400. */
export class AdminInput extends HttpApiMiddleware.Service<AdminInput>()("holdfast/admin/AdminInput", {
  error: BadRequest
}) {}

const ofAgent = { agent: AgentName, relay: Schema.optional(RelayId) }

/** The entries named. */
const Ids = { ids: Schema.NonEmptyArray(Schema.Int), relay: Schema.optional(RelayId) }
/** All that the filter leaves. */
const All = {
  all: Schema.Literal(true),
  relay: Schema.optional(RelayId),
  agent: Schema.optional(AgentName),
  state: Schema.optional(EntryStateView)
}
const reason = Schema.optional(Schema.String)

/** `reason` is for the log. */
export const Selection = Schema.Union([Schema.Struct({ ...Ids, reason }), Schema.Struct({ ...All, reason })])
export type Selection = typeof Selection.Type

/** Which entries it was done to; an id that is missing was in no state for it, or is gone. */
export const Done = Schema.Struct({ ids: Schema.Array(Schema.Int) })

export class StatusGroup extends HttpApiGroup.make("status", { topLevel: true }).add(
  HttpApiEndpoint.get("status", "/status", { success: StatusView })
) {}

/** A clean stop and a new start under the daemon's supervisor, which keeps the port: for what only counts from a start on. */
export class RestartGroup extends HttpApiGroup.make("restart", { topLevel: true }).add(
  HttpApiEndpoint.post("restart", "/restart", { success: HttpApiSchema.NoContent, error: Conflict })
) {}

const page = {
  relay: Schema.optional(RelayId),
  agent: Schema.optional(AgentName),
  state: Schema.optional(EntryStateView),
  limit: Schema.optional(
    Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: 1000 }))
  ),
  after: Schema.optional(Schema.NumberFromString.check(Schema.isInt()))
}

export class OutboxGroup extends HttpApiGroup.make("outbox").add(
  HttpApiEndpoint.get("list", "/outbox", { query: page, success: EntryPage, error: NotFound }),
  HttpApiEndpoint.get("export", "/outbox/export", { query: page, success: DetailPage, error: NotFound }),
  HttpApiEndpoint.get("show", "/outbox/:id", {
    params: { id: Schema.NumberFromString.check(Schema.isInt()) },
    success: EntryDetail,
    error: NotFound
  }),
  HttpApiEndpoint.post("retry", "/outbox/retry", { payload: Selection, success: Done, error: NotFound }),
  HttpApiEndpoint.post("discard", "/outbox/discard", {
    payload: Selection,
    success: Done,
    error: NotFound
  })
) {}

/** Results of calls whose agent was gone when they came. */
export class ResultsGroup extends HttpApiGroup.make("results").add(
  HttpApiEndpoint.get("list", "/results", {
    query: { relay: page.relay, agent: page.agent, limit: page.limit, after: page.after },
    success: ResultPage,
    error: NotFound
  }),
  HttpApiEndpoint.get("show", "/results/:id", {
    params: { id: Schema.NumberFromString.check(Schema.isInt()) },
    success: ResultDetail,
    error: NotFound
  })
) {}

/** Messages from outside for agents. */
export class InboxGroup extends HttpApiGroup.make("inbox").add(
  HttpApiEndpoint.post("send", "/inbox", {
    payload: NewInboxMessage,
    success: InboxReceipt,
    error: [BadRequest, NotFound, Conflict, Unavailable]
  }),
  HttpApiEndpoint.get("list", "/inbox", {
    query: {
      agent: page.agent,
      unread: Schema.optional(Schema.Literals(["true", "false"])),
      limit: page.limit,
      after: page.after
    },
    success: InboxPage,
    error: [NotFound, Unavailable]
  }),
  /** Gives a message with its text; it counts as read from then on. */
  HttpApiEndpoint.post("read", "/inbox/read", {
    payload: Schema.Struct({ id: Schema.String }),
    success: InboxMessageDetail,
    error: [NotFound, Unavailable]
  })
) {}

export class ContextGroup extends HttpApiGroup.make("context").add(
  HttpApiEndpoint.get("show", "/context", { query: { agent: AgentName }, success: ContextView, error: NotFound }),
  HttpApiEndpoint.post("send", "/context", {
    payload: ContextCommand,
    success: ContextView,
    error: [BadRequest, NotFound, Conflict]
  })
) {}

export class ToolsGroup extends HttpApiGroup.make("tools").add(
  HttpApiEndpoint.get("show", "/tools", { query: ofAgent, success: Schema.Array(ToolsView), error: NotFound }),
  HttpApiEndpoint.get("unapproved", "/tools/unapproved", {
    query: { relay: Schema.optional(RelayId) },
    success: Schema.Array(UnapprovedTools),
    error: [NotFound, Unavailable]
  }),
  HttpApiEndpoint.post("approve", "/tools/approve", {
    payload: Approval,
    success: UnapprovedTools,
    error: [NotFound, Conflict, Unavailable]
  })
) {}

export class TokenGroup extends HttpApiGroup.make("token").add(
  HttpApiEndpoint.get("show", "/token", { query: ofAgent, success: Schema.Array(TokenView), error: NotFound }),
  HttpApiEndpoint.post("refresh", "/token/refresh", {
    payload: Schema.Struct(ofAgent),
    success: Schema.Array(TokenView),
    error: NotFound
  })
) {}

export class AgentsGroup extends HttpApiGroup.make("agents").add(
  HttpApiEndpoint.get("list", "/agents", { success: Schema.Array(AgentView) }),
  HttpApiEndpoint.post("add", "/agents", {
    payload: Schema.Struct({ agent: AgentName }),
    success: NewAgent,
    error: Conflict
  }),
  HttpApiEndpoint.delete("remove", "/agents/:agent", {
    params: { agent: AgentName },
    success: AgentView,
    error: [NotFound, Conflict]
  }),
  HttpApiEndpoint.post("lease", "/leases", { payload: LeaseRequest, success: LeaseView, error: [NotFound, Conflict] }),
  HttpApiEndpoint.delete("release", "/leases/:lease", {
    params: { lease: Schema.String },
    success: HttpApiSchema.NoContent
  })
) {}

/** The relays of the configuration, read anew; one of them asked at once whether it answers. */
export class RelaysGroup extends HttpApiGroup.make("relays").add(
  HttpApiEndpoint.post("probe", "/relays/probe", {
    payload: Schema.Struct({ relay: RelayId }),
    success: Schema.Struct({ relay: RelayId, up: Schema.Boolean }),
    error: NotFound
  }),
  HttpApiEndpoint.post("reload", "/relays/reload", { payload: ReloadCommand, success: ReloadView, error: Conflict })
) {}

const limit = Schema.optional(
  Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: 2000 }))
)

/** What is seen over time or of many at once, for the dashboard. */
export class ObservationGroup extends HttpApiGroup.make("observation").add(
  HttpApiEndpoint.get("samples", "/samples", { success: Schema.Array(RelaySamples) }),
  HttpApiEndpoint.get("lanes", "/lanes", {
    query: { relay: Schema.optional(RelayId) },
    success: LanesView,
    error: NotFound
  }),
  HttpApiEndpoint.get("sessions", "/sessions", {
    query: { relay: Schema.optional(RelayId), agent: Schema.optional(AgentName), limit },
    success: Schema.Array(SessionView),
    error: NotFound
  })
) {}

/** What the running daemon logs; a new start begins with the setting again. */
export const LogLevelView = Schema.Struct({ level: LogLevel })

export class LogLevelGroup extends HttpApiGroup.make("logLevel").add(
  HttpApiEndpoint.get("show", "/log-level", { success: LogLevelView, error: Conflict }),
  HttpApiEndpoint.put("set", "/log-level", { payload: LogLevelView, success: LogLevelView, error: Conflict })
) {}

/** For git's credential helper and for gh; `get` alone answers with a secret. */
export class CredentialGroup extends HttpApiGroup.make("credential").add(
  HttpApiEndpoint.get("list", "/credentials", { success: Schema.Array(CredentialView) }),
  HttpApiEndpoint.post("get", "/credentials/get", {
    payload: CredentialPlace,
    success: CredentialAnswer,
    error: [NotFound, Unavailable]
  }),
  HttpApiEndpoint.post("erase", "/credentials/erase", {
    payload: CredentialRefused,
    success: HttpApiSchema.NoContent
  })
) {}

/** Opens the dashboard in a browser. `url` is good once, until `expiresAt`, and holds a secret of its own behind the `#`. */
export const SignInLink = Schema.Struct({ url: Schema.String, expiresAt: Instant })

/** What the page keeps, beside the cookie that is set with it: each alone opens nothing. */
export const PageKey = Schema.Struct({ key: Schema.String, expiresAt: Instant })

export class SessionGroup extends HttpApiGroup.make("session").add(
  HttpApiEndpoint.post("link", "/session/link", { success: SignInLink }),
  /** Of the browser that asks; with the admin secret, of every browser. */
  HttpApiEndpoint.delete("signOut", "/session", { success: HttpApiSchema.NoContent })
) {}

/** The one thing that needs neither the admin secret nor a session. */
export class SignInGroup extends HttpApiGroup.make("signIn").add(
  HttpApiEndpoint.post("signIn", "/session", {
    payload: Schema.Struct({ ticket: Schema.String }),
    success: PageKey,
    error: Unauthorized
  })
) {}

export class AdminApi extends HttpApi.make("holdfast-admin")
  .add(
    StatusGroup,
    RestartGroup,
    RelaysGroup,
    AgentsGroup,
    OutboxGroup,
    ResultsGroup,
    InboxGroup,
    ContextGroup,
    ToolsGroup,
    TokenGroup,
    CredentialGroup,
    LogLevelGroup,
    ObservationGroup,
    SessionGroup
  )
  .middleware(AdminAccess)
  .add(SignInGroup)
  .middleware(AdminInput)
  .prefix("/api")
{}
