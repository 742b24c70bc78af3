/**
 * A search for an input on which two readings of the same bytes differ, or something throws. The same seed makes the same
 * inputs. What it found lies in `corpus`, a file each, and is tried first, always.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Dice } from "../../support/Dice.ts"

export interface Target {
  /** Its folder in `corpus`. */
  readonly name: string
  /** One character for each byte, or text. */
  readonly make: (dice: Dice) => string
  /** Throws where something is wrong. */
  readonly check: (input: string) => void
}

const corpus = (target: Target): string => fileURLToPath(new URL(`corpus/${target.name}`, import.meta.url))

const failure = (target: Target, input: string): Error | undefined => {
  try {
    target.check(input)
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Takes parts out for as long as it still fails. */
const shrunk = (target: Target, input: string): string => {
  let smallest = input
  for (let size = Math.ceil(input.length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length;) {
      const shorter = smallest.slice(0, at) + smallest.slice(at + size)
      if (shorter !== smallest && failure(target, shorter) !== undefined) smallest = shorter
      else at += size
    }
  }
  return smallest
}

const report = (target: Target, input: string, from: string): Error => {
  const smallest = shrunk(target, input)
  if (process.env["FUZZ_KEEP"] !== undefined) {
    mkdirSync(corpus(target), { recursive: true })
    writeFileSync(join(corpus(target), `${from.replaceAll(/\W+/g, "-")}.txt`), smallest, "utf8")
  }
  const { message, stack } = failure(target, smallest) ?? failure(target, input) ?? new Error("it failed once only")
  return new Error(`${target.name}, ${from}: ${JSON.stringify(smallest).slice(0, 1000)}\n${message}\n${stack}`)
}

/** Tries each input that was found before. */
export const replay = (target: Target): void => {
  let names: ReadonlyArray<string> = []
  try {
    names = readdirSync(corpus(target))
  } catch {
    // Nothing was found yet.
  }
  for (const name of names) {
    const input = readFileSync(join(corpus(target), name), "utf8")
    if (failure(target, input) !== undefined) throw report(target, input, `corpus ${name}`)
  }
}

/** Tries `count` inputs; `FUZZ_KEEP=1` keeps what fails in the corpus. */
export const search = (target: Target, seed: string, count: number): void => {
  for (let index = 0; index < count; index++) {
    const input = target.make(new Dice(`${seed} ${index}`))
    if (failure(target, input) !== undefined) throw report(target, input, `seed ${seed} ${index}`)
  }
}

/** Some characters of it replaced, doubled, moved or taken out. */
export const mutated = (dice: Dice, text: string, alphabet: readonly [string, ...ReadonlyArray<string>]): string => {
  let out = text
  for (let times = dice.between(1, 4); times > 0; times--) {
    const at = dice.between(0, out.length)
    const end = Math.min(out.length, at + dice.between(0, 6))
    const middle = dice.of([
      () => "",
      () => dice.of(alphabet),
      () => out.slice(at, end).repeat(2),
      () => dice.of(alphabet) + out.slice(at, end)
    ])()
    out = out.slice(0, at) + middle + out.slice(end)
  }
  return out
}
