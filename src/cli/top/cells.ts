/** How many cells of a terminal a text takes, so that what others named does not break the columns. */

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u
const none = /[\p{M}\u200b-\u200c]|\u200d|\ufe0f/u

const cellsOf = (character: string): number => none.test(character) ? 0 : wide.test(character) ? 2 : 1

/** As much of it as fits, with an ellipsis where something is missing. */
export const cut = (text: string, max: number): { readonly text: string; readonly width: number } => {
  if (max <= 0) return { text: "", width: 0 }
  let width = 0
  let kept = ""
  let shorter = { text: "", width: 0 }
  for (const character of text) {
    const cells = cellsOf(character)
    if (width + cells > max) return { text: `${shorter.text}…`, width: shorter.width + 1 }
    kept += character
    width += cells
    if (width < max) shorter = { text: kept, width }
  }
  return { text: kept, width }
}

/** Exactly so wide, with a space at its end. */
export const pad = (text: string, width: number): string => {
  const fit = cut(text, width - 1)
  return fit.text + " ".repeat(width - fit.width)
}
