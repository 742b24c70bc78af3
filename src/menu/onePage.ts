import * as JsonText from "../domain/JsonText.ts"

/** The pages of a list as one result without a cursor: the first page, with the items of all in `member`. */
export const onePage = (member: string, pages: ReadonlyArray<string>): string => {
  const [first = "{}", ...others] = pages
  if (others.length === 0) return JsonText.remove(first, ["nextCursor"])
  const items = pages.flatMap((page) => JsonText.elements(page, [member]))
  return JsonText.remove(JsonText.set(first, [member], `[${items.join(",")}]`), ["nextCursor"])
}

/** Where a list's page goes on, as it stands in its text; `undefined` on the last one, which some servers say by null. */
export const nextCursor = (page: string): string | undefined => {
  const cursor = JsonText.at(page, ["nextCursor"])
  return cursor === "null" ? undefined : cursor
}
