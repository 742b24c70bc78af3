/**
 * Requests of the relay that an agent has yet to answer, over relay sessions that come and go.
 *
 * Each relay session counts its ids from the beginning, so a new one may reuse an id that the agent still has to answer
 * for the old one: then, and only then, the agent sees an id of ours. An answer to a session that is gone goes nowhere.
 */
import { ownText } from "../../domain/OwnText.ts"

interface Question {
  /** As the relay knows it. */
  readonly id: string
  readonly generation: number
}

/** Caps questions that the agent never answers. */
const maxQuestions = 1_000
/** Characters of a question's id; nobody needs longer ones. */
export const maxQuestionId = 1_024

export class RelayQuestions {
  private readonly open = new Map<string, Question>()
  private renamed = 0

  /** The id that the agent is to see. */
  asked(id: string, generation: number): string {
    const known = this.open.get(id)
    const shown = known === undefined || known.generation === generation ? id : `"holdfast-question-${++this.renamed}"`
    this.open.set(ownText(shown), { id: ownText(id), generation })
    const [oldest] = this.open.keys()
    if (this.open.size > maxQuestions && oldest !== undefined) this.open.delete(oldest)
    return shown
  }

  /** The relay takes it back: the id that the agent saw. */
  shownAs(id: string, generation: number): string {
    for (const [shown, question] of this.open) {
      if (question.id === id && question.generation === generation) return shown
    }
    return id
  }

  /** The relay session `generation` has taken the place of older ones: as the agent saw them, the questions of those. */
  replacedBy(generation: number): ReadonlyArray<string> {
    const moot = [...this.open].flatMap(([shown, question]) => question.generation < generation ? [shown] : [])
    for (const shown of moot) this.open.delete(shown)
    return moot
  }

  /** The agent answered: the id that the relay knows; `undefined` where no session waits for it. */
  answered(shown: string, generation: number): string | undefined {
    const question = this.open.get(shown)
    this.open.delete(shown)
    return question?.generation === generation ? question.id : undefined
  }
}
