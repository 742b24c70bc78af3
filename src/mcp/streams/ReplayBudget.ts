/** Who gives way when streams remember more than they may (BEHAVIOUR 2): bookkeeping without effects. */
import type { SessionId } from "../../domain/Ids.ts"
import type { ReplayBuffer } from "./ReplayBuffer.ts"

/** One stream, as far as the bounds are concerned. */
export interface Member {
  readonly session: SessionId
  readonly buffer: ReplayBuffer
  /** The newest event that some reader was given. */
  readonly read: number
  /** Whether a reader is connected that will want what it has not read yet. */
  readonly attended: boolean
  readonly gaveWay: () => void
}

interface Account {
  bytes: number
  /** Least recently appended first. */
  readonly members: Set<Member>
}

export class ReplayBudget {
  readonly #perSession: number
  readonly #inAll: number
  readonly #accounts = new Map<SessionId, Account>()
  /** Least recently appended first. */
  readonly #members = new Set<Member>()
  /** The last of its members, and of its account's. */
  #newest: Member | undefined
  bytes = 0

  constructor(perSession: number, inAll: number) {
    this.#perSession = perSession
    this.#inAll = inAll
  }

  /** Appends to `member`, and makes room: what was read first, then what nobody waits for, the newest event last. */
  add(member: Member, data: string, supersedes: string | undefined): void {
    const account = this.#account(member.session)
    const before = member.buffer.bytes
    member.buffer.add(data, supersedes)
    this.#measured(member, account, before)
    if (this.#newest !== member) {
      moveLast(account.members, member)
      moveLast(this.#members, member)
      this.#newest = member
    }
    this.#fitSession(member, account)
    if (this.bytes <= this.#inAll) return
    for (const other of this.#members) {
      if (this.bytes <= this.#inAll) return
      this.#drop(other, this.bytes - this.#inAll, other === member ? member.buffer.last - 1 : other.buffer.last)
    }
  }

  remove(member: Member): void {
    const account = this.#accounts.get(member.session)
    if (account === undefined || !account.members.delete(member)) return
    if (this.#newest === member) this.#newest = undefined
    this.#members.delete(member)
    account.bytes -= member.buffer.bytes
    this.bytes -= member.buffer.bytes
    if (account.members.size === 0) this.#accounts.delete(member.session)
  }

  #fitSession(member: Member, account: Account): void {
    if (account.bytes <= this.#perSession) return
    const excess = () => account.bytes - this.#perSession
    this.#drop(member, excess(), member.read)
    for (const other of account.members) {
      if (excess() <= 0) return
      if (other !== member) this.#drop(other, excess(), other.attended ? other.read : other.buffer.last)
    }
    // What connected readers of other streams have yet to read must not cost this one its own.
    this.#drop(member, Math.min(excess(), member.buffer.bytes - this.#perSession), member.buffer.last - 1)
  }

  #drop(member: Member, excess: number, through: number): void {
    const account = this.#account(member.session)
    const before = member.buffer.bytes
    member.buffer.drop(through, excess)
    this.#measured(member, account, before)
    if (member.buffer.bytes === 0) {
      this.remove(member)
      member.gaveWay()
    }
  }

  #measured(member: Member, account: Account, before: number): void {
    account.bytes += member.buffer.bytes - before
    this.bytes += member.buffer.bytes - before
  }

  #account(session: SessionId): Account {
    const found = this.#accounts.get(session)
    if (found !== undefined) return found
    const account = { bytes: 0, members: new Set<Member>() }
    this.#accounts.set(session, account)
    return account
  }
}

const moveLast = (members: Set<Member>, member: Member): void => {
  members.delete(member)
  members.add(member)
}
