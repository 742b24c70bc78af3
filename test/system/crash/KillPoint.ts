import type { Place, Trap } from "./Place.ts"

/** Kills this process, as SIGKILL does, where a trap was laid. */
export class KillPoint {
  #place: Place | undefined
  #passes = 0

  lay(trap: Trap | undefined): void {
    this.#place = trap?.place
    this.#passes = trap?.passes ?? 0
  }

  reach(place: Place): void {
    if (place === this.#place && --this.#passes <= 0) process.kill(process.pid, "SIGKILL")
  }
}
