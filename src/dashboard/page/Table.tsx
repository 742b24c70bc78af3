/** A table of any length: only the rows in sight are in the document. */
import type { ComponentChildren } from "preact"
import { useEffect, useRef, useState } from "preact/hooks"

/** Pixels; the style sheet has the same. */
const rowHeight = 36
const spare = 8

export interface Column<Row> {
  readonly name: string
  /** CSS width. */
  readonly width: string
  readonly cell: (row: Row) => ComponentChildren
  readonly numeric?: boolean
}

interface Props<Row> {
  readonly caption: string
  readonly columns: ReadonlyArray<Column<Row>>
  readonly rows: ReadonlyArray<Row>
  readonly keyOf: (row: Row) => string | number
  readonly empty: string
  /** There are more, which the bottom of the table asks for. */
  readonly onEnd?: (() => void) | undefined
}

export function Table<Row>({ caption, columns, empty, keyOf, onEnd, rows }: Props<Row>) {
  const box = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ top: 0, height: 400 })

  const look = () => {
    const element = box.current
    if (element !== null) setView({ top: element.scrollTop, height: element.clientHeight })
  }
  useEffect(() => {
    const element = box.current
    if (element === null) return
    const observer = new ResizeObserver(look)
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  const first = Math.max(0, Math.min(Math.floor(view.top / rowHeight) - spare, rows.length))
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / rowHeight) + spare)
  useEffect(() => {
    if (last >= rows.length) onEnd?.()
  }, [last, rows.length, onEnd])

  if (rows.length === 0) return <p class="none">{empty}</p>
  const gap = (count: number) =>
    count === 0 ? null : (
      <tr class="gap" role="presentation" style={{ height: `${count * rowHeight}px` }}>
        <td colSpan={columns.length} />
      </tr>
    )
  return (
    <div
      class="scroll"
      ref={box}
      onScroll={look}
      tabIndex={0}
      role="region"
      aria-label={`Table of ${caption.toLowerCase()}`}
    >
      <table aria-rowcount={rows.length + 1}>
        <caption class="unseen">{caption}</caption>
        <colgroup>{columns.map(({ name, width }) => <col key={name} style={{ width }} />)}</colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map(({ name, numeric }) => (
              <th key={name} scope="col" class={numeric === true ? "numeric" : ""}>{name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {gap(first)}
          {rows.slice(first, last).map((row, index) => (
            <tr key={keyOf(row)} aria-rowindex={first + index + 2}>
              {columns.map(({ cell, name, numeric }) => (
                <td key={name} class={numeric === true ? "numeric" : ""}>{cell(row)}</td>
              ))}
            </tr>
          ))}
          {gap(rows.length - last)}
        </tbody>
      </table>
    </div>
  )
}
