/** The command by which a person logs in for a relay, and for one agent of it where that has a login of its own. */
import { defaultRelay } from "../../domain/Ids.ts"

export const loginCommand = (relay: string, agent?: string): string =>
  `"holdfast login${relay === defaultRelay ? "" : ` --relay ${relay}`}${
    agent === undefined ? "" : ` --agent ${agent}`
  }"`

const shared = "login"
const ofAgent = "login of agent "

/** What a token's source is called where it is a login: the one for all agents, or an agent's own. */
export const loginName = (agent?: string): string => agent === undefined ? shared : `${ofAgent}${agent}`

/** The agent that a login is for alone. */
export const ownerOfLogin = (source: string): string | undefined =>
  source.startsWith(ofAgent) ? source.slice(ofAgent.length) : undefined

/** The command for a source of that name; `undefined` where it is no login. */
export const loginAt = (relay: string, source: string): string | undefined =>
  source === shared || ownerOfLogin(source) !== undefined ? loginCommand(relay, ownerOfLogin(source)) : undefined
