/** What every request to the test relay shares. */
import { Ledger } from "./Ledger.ts"
import type { RelayConfig, TokenGrant } from "./RelayConfig.ts"
import { menu, type ToolDefinition } from "./RelayTools.ts"
import { WriteGate } from "./WriteGate.ts"

export class RelayState {
  readonly config: RelayConfig
  readonly ledger: Ledger
  readonly gate = new WriteGate()
  readonly tools = new Map<string, ToolDefinition>()
  tokens: Readonly<Record<string, TokenGrant>> | undefined
  inFlight = 0
  streams = 0
  #steps = 0
  readonly #waiting: Array<() => void> = []

  constructor(config: RelayConfig) {
    this.config = config
    this.ledger = new Ledger(config.ledgerFile, config.dedupe)
    this.tokens = config.tokens
    for (const tool of [...menu(config), ...config.extraTools]) this.tools.set(tool.name, tool)
    for (const name of config.hiddenTools) this.tools.delete(name)
  }

  toolsFor(scopes: ReadonlyArray<string>): ReadonlyArray<ToolDefinition> {
    return [...this.tools.values()].filter((tool) => mayUse(tool, scopes))
  }

  /** Lets one `stepwise` call go on, now or when it asks. */
  step(): void {
    const go = this.#waiting.shift()
    if (go === undefined) this.#steps++
    else go()
  }

  async awaitStep(): Promise<void> {
    if (this.#steps > 0) this.#steps--
    else await new Promise<void>((go) => this.#waiting.push(go))
  }
}

/** `*` is what a token without scopes of its own may do. */
export const mayUse = (tool: ToolDefinition, scopes: ReadonlyArray<string>): boolean =>
  tool.scope === undefined || scopes.includes("*") || scopes.includes(tool.scope)
