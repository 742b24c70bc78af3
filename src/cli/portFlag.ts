import { Flag } from "effect/cli"

export const portFlag = Flag.Int("port").pipe(
  Flag.withMetavar("N"),
  Flag.filter((port) => port >= 0 && port <= 65535, (port) => `expected 0 to 65535, got ${port}`)
)
