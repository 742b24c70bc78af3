/** A text that stands for a secret and is found again wherever it turns up: in part, in Base64, in hexadecimal. */
import { createHash } from "node:crypto"

/** Letters and digits alone, which JSON, URLs and forms leave as they are. The same name makes the same one. */
export const markerOf = (name: string): string =>
  `Mk${createHash("sha256").update(name).digest("base64").replaceAll(/[^A-Za-z0-9]/g, "").slice(0, 26)}`

/** What is left of it in Base64, whatever stands before and behind it. */
const inBase64 = (text: string): ReadonlyArray<string> =>
  [0, 1, 2].map((before) => {
    const encoded = Buffer.from(" ".repeat(before) + text).toString("base64")
    return encoded.slice(Math.ceil(before * 8 / 6), Math.floor((before + text.length) * 8 / 6))
  })

const halvesOf = (text: string): ReadonlyArray<string> => [text.slice(0, 14), text.slice(-14)]

const formsOf = (marker: string): ReadonlyArray<string> =>
  halvesOf(marker).flatMap((half) => [half, ...inBase64(half), Buffer.from(half).toString("hex")])

/** Each `\u0041` and `%41` as the character that it stands for. */
const unescaped = (text: string): string =>
  text.replaceAll(
    /\\u00([0-7][0-9a-f])|%([0-7][0-9a-f])/gi,
    (_, json: string, url: string) => String.fromCharCode(Number.parseInt(json ?? url, 16))
  )

/** Finds markers in texts; a half is enough. */
export const finder = (markers: ReadonlyArray<string>) => {
  const forms = markers.map((marker) => ({ marker, forms: formsOf(marker) }))
  return (text: string): ReadonlyArray<string> => {
    const plain = unescaped(text)
    return forms
      .filter(({ forms }) => forms.some((form) => text.includes(form) || plain.includes(form)))
      .map(({ marker }) => marker)
  }
}
