/** The names of a list's tools, each with a digest of its definition: enough to say how another list differs. */
import { createHash } from "node:crypto"
import { itemText, type ListItem, nameOf } from "../domain/ListText.ts"
import { ownText } from "../domain/OwnText.ts"
import type { NarrowedList } from "./NarrowedLists.ts"

export type MenuDigest = ReadonlyMap<string, string>

const made = new WeakMap<NarrowedList, MenuDigest>()

/** Each session keeps the names of its list. Of a longer one a digest stands for the end. */
const maxName = 200

const shortNameOf = (tool: ListItem): string => {
  const name = nameOf(tool) ?? ""
  return name.length <= maxName
    ? name
    : ownText(`${name.slice(0, maxName)}… ${createHash("sha256").update(name).digest("base64url").slice(0, 16)}`)
}

/** Made once for each list. */
export const digestOf = (list: NarrowedList): MenuDigest => {
  const known = made.get(list)
  if (known !== undefined) return known
  const digest = new Map(
    list.read.items.map((tool) => [
      shortNameOf(tool),
      createHash("sha256").update(itemText(list.read, tool)).digest("base64url").slice(0, 16)
    ])
  )
  made.set(list, digest)
  return digest
}

export const difference = (before: MenuDigest, now: MenuDigest) => ({
  added: [...now.keys()].filter((name) => !before.has(name)),
  removed: [...before.keys()].filter((name) => !now.has(name)),
  changed: [...now].filter(([name, digest]) => before.has(name) && before.get(name) !== digest).map(([name]) => name)
})
