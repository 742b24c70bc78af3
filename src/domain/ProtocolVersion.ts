/** The revisions of MCP, and their two eras. */

/** Legacy: with `initialize` and sessions, oldest first. */
export const legacyVersions = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] as const
/** Modern: without either; each request says who sends it. */
export const modernVersions = ["2026-07-28"] as const
export const supportedVersions = [...legacyVersions, ...modernVersions] as const

export type ProtocolVersion = (typeof supportedVersions)[number]
export type Era = "legacy" | "modern"

/** The revision that we negotiate where the client asks for none that we support. */
export const defaultVersion: ProtocolVersion = "2025-11-25"
/** The revision of a legacy request without header and session (2025-06-18, transports). */
export const versionWithoutHeader: ProtocolVersion = "2025-03-26"

export const isSupported = (version: string): version is ProtocolVersion =>
  supportedVersions.some((known) => known === version)

/** Gives the era of a revision. Revisions are dates, so an unknown one has the era of its date. */
export const eraOf = (version: string): Era => version >= modernVersions[0] ? "modern" : "legacy"

/** Gives the revision that answers an `initialize`: the client's, where we support it and it has sessions. */
export const negotiate = (asked: string): ProtocolVersion =>
  legacyVersions.find((known) => known === asked) ?? defaultVersion
