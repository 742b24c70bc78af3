/** What follows where a call was sent and its outcome stays unknown (BEHAVIOUR 5): sent again, or a dead letter. */
export type OnUnknown = "resend" | "dead"

/** The setting, else: sent again only where the relay declares that a repeat does no harm. */
export const onUnknownFor = (
  tool: { readonly declaresKey: boolean; readonly idempotentHint: boolean },
  setting: OnUnknown | undefined
): OnUnknown => setting ?? (tool.declaresKey || tool.idempotentHint ? "resend" : "dead")
