/** How the page writes times, ages and counts. */

const units: ReadonlyArray<readonly [millis: number, name: string]> = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1000, "s"]
]

/** `3 min 20 s`, `2 h 5 min`, `1 d 4 h`: the two largest units; below a second `0 s`. */
export const duration = (millis: number): string => {
  const at = units.findIndex(([size]) => millis >= size)
  const [size, name] = units[at === -1 ? units.length - 1 : at] ?? [1000, "s"]
  const whole = Math.floor(Math.max(0, millis) / size)
  const next = at === -1 ? undefined : units[at + 1]
  const rest = next === undefined ? 0 : Math.floor((millis - whole * size) / next[0])
  return next === undefined || rest === 0 ? `${whole} ${name}` : `${whole} ${name} ${rest} ${next[1]}`
}

/** Of a call: `0.8 ms`, `35 ms`, `1.2 s`, `4 min 10 s`. */
export const latency = (millis: number): string => {
  if (millis < 10) return `${millis.toFixed(1)} ms`
  if (millis < 1000) return `${Math.round(millis)} ms`
  return millis < 10_000 ? `${(millis / 1000).toFixed(1)} s` : duration(millis)
}

export const count = (number: number, one: string, several = `${one}s`): string =>
  `${number.toLocaleString("en")} ${number === 1 ? one : several}`

/** `14:02`, and the day with it where it is another one. */
export const time = (at: number, now: number): string => {
  const date = new Date(at)
  const clock = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })
  return date.toDateString() === new Date(now).toDateString() ? clock : `${day(at)} ${clock}`
}

export const clock = (at: number): string =>
  new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" })

export const day = (at: number): string =>
  new Date(at).toLocaleDateString("en", { weekday: "short", day: "numeric", month: "short" })

/** In the reader's own day. */
export const startOfDay = (at: number): number => new Date(at).setHours(0, 0, 0, 0)

export const bytes = (number: number): string =>
  number < 1024
    ? `${number} B`
    : number < 1024 ** 2
    ? `${(number / 1024).toFixed(1)} KiB`
    : `${(number / 1024 ** 2).toFixed(1)} MiB`
