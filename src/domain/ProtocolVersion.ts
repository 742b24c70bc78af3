/** The revisions of MCP, and the two eras that they fall into. */

/** With `initialize` and sessions, oldest first. */
export const legacyVersions = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] as const
/** Without either: each request says who it is. */
export const modernVersions = ["2026-07-28"] as const
export const supportedVersions = [...legacyVersions, ...modernVersions] as const

export type ProtocolVersion = (typeof supportedVersions)[number]
export type Era = "legacy" | "modern"

/** What we negotiate where the client asks for nothing that we support. */
export const defaultVersion: ProtocolVersion = "2025-11-25"
/** What a legacy request speaks that has neither header nor session (2025-06-18, transports). */
export const versionWithoutHeader: ProtocolVersion = "2025-03-26"

export const isSupported = (version: string): version is ProtocolVersion =>
  supportedVersions.some((known) => known === version)

/** The era of a revision; revisions are dates, so an unknown one falls to the era of its time. */
export const eraOf = (version: string): Era => version >= modernVersions[0] ? "modern" : "legacy"

/** The version that answers an `initialize`: the one asked for where we support it and it has sessions. */
export const negotiate = (asked: string): ProtocolVersion =>
  legacyVersions.find((known) => known === asked) ?? defaultVersion
