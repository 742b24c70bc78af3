/**
 * Loaded into a daemon (`--import`): notes how much computing time its main thread used between two looks at the clock, 5 ms
 * apart, wherever that was more than a few. So long nobody else was served. What else the machine does hardly counts.
 */
import { appendFileSync } from "node:fs"

const file = process.env["TURNS_FILE"]
const worthNoting = 15

let before = process.threadCpuUsage()

const look = () => {
  const { system, user } = process.threadCpuUsage(before)
  before = process.threadCpuUsage()
  const millis = (user + system) / 1000
  if (file !== undefined && millis > worthNoting) appendFileSync(file, `${millis}\n`)
}

// The command line reads the environment, too.
if (process.argv.includes("serve")) setInterval(look, 5).unref()
