/** What is wrong with the disk or the database, whichever layer of wrapped errors says it. */
import { Predicate, Schema } from "effect"

export const StorageFault = Schema.Literals(["full", "read-only", "denied", "corrupt", "busy", "other"])
export type StorageFault = typeof StorageFault.Type

const ofErrno: Readonly<Record<string, StorageFault>> = {
  ENOSPC: "full",
  EDQUOT: "full",
  EROFS: "read-only",
  EACCES: "denied",
  EPERM: "denied"
}

/** SQLite's primary result codes; the extended ones carry them in their low byte (sqlite.org/rescode.html). */
const ofResultCode: Readonly<Record<number, StorageFault>> = {
  3: "denied",
  5: "busy",
  6: "busy",
  8: "read-only",
  11: "corrupt",
  13: "full",
  14: "denied",
  23: "denied",
  26: "corrupt"
}

/** Looks through `reason` and `cause` down to the error of Node or SQLite. */
export const faultOf = (error: unknown): StorageFault => {
  if (!Predicate.isObject(error)) return "other"
  if (Predicate.hasProperty(error, "errcode") && Predicate.isNumber(error.errcode)) {
    return ofResultCode[error.errcode & 0xff] ?? "other"
  }
  if (Predicate.hasProperty(error, "code") && Predicate.isString(error.code) && error.code in ofErrno) {
    return ofErrno[error.code] ?? "other"
  }
  if (Predicate.hasProperty(error, "reason") && Predicate.isObject(error.reason)) return faultOf(error.reason)
  if (Predicate.hasProperty(error, "cause")) return faultOf(error.cause)
  return "other"
}
