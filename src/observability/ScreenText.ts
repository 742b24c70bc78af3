/**
 * What of a text from elsewhere may reach a screen. Plain functions, for programs that load nothing else; `Screen.ts` is
 * the writer.
 */

/** Control characters but tab and line end, and what sets the direction of text or begins a line of its own. */
// oxlint-disable-next-line no-control-regex
const unfit = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

const oneUnfit = new RegExp(unfit.source)

/** Whether a text has such a character. */
export const hasUnfit = (text: string): boolean => oneUnfit.test(text)

/** What stands in the place of such a character. */
const replacement = "\ufffd"

/** Fit for a screen, whatever it holds. */
export const plain = (text: string): string => text.replaceAll("\r\n", "\n").replaceAll(unfit, replacement)

/** Fit for a screen and for one line. */
export const oneLine = (text: string): string => plain(text).replaceAll(/[\t\n]+/g, " ")

/** JSON that says the same: JSON itself leaves some of these characters as they are. */
export const plainJson = (json: string): string =>
  json.replaceAll(unfit, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** What a screen shows nothing of, or could: tags, joiners, variation selectors, odd spaces, and what is unassigned. */
const unseen = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cn}\p{Co}\p{Cs}]|(?! )\p{Zs}/gu

/** With a name for each character that nobody would see. What it leaves has still to pass the screen. */
export const revealed = (text: string): string =>
  text.replaceAll(unseen, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
