/// <reference lib="dom" />
/** A table that sorts, filters and leaves as CSV. Wide tables scroll inside their own frame. */
import {formatCount} from '../../src/analysis/units.ts'
import type {TableState} from '../live/address.ts'
import {toCsv} from './csv.ts'
import {type Child, copy, h, save} from './dom.ts'

export interface Column<Row> {
  readonly id: string
  readonly label: string
  /** a unit or an explanation, for who points at the heading */
  readonly title?: string
  readonly numeric?: boolean
  /** left out on paper, where a row of every column is four lines high */
  readonly screenOnly?: boolean
  /** what sorting and CSV use: base units */
  value(row: Row): string | number | null
  /** what is shown; the value itself where this is missing */
  show?(row: Row): Child
}

export interface TableOptions<Row> {
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  /** name of the file that saving offers; without it there are no tools above the table */
  readonly file?: string
  readonly rowId?: (row: Row) => string
  readonly onPick?: (id: string) => void
  readonly sortBy?: {readonly column: string; readonly descending: boolean}
  /** keeps how the table is sorted and filtered beyond its life */
  readonly memory?: TableMemory
}

/** Where a table keeps its state: the page's address carries it. */
export interface TableMemory {
  read(): TableState | undefined
  write(state: TableState): void
  /** calls when the state is changed by something else than the table */
  follow(table: {recall(): void}): void
}

/** What is missing goes last in both directions: it is neither small nor large. */
function compare(a: string | number | null, b: string | number | null, sign: 1 | -1): number {
  if (a === b) return 0
  if (a === null) return 1
  if (b === null) return -1
  return sign * (typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b)))
}

/** Rows drawn at once: laying out a thousand rows takes longer than reading a hundred. Sorting, filters and CSV see all. */
const MOST = 100

/** Rows on paper: nobody reads the thousandth there. The style sheet for print hides those behind. */
const PRINTED = 30

export class Table<Row> {
  readonly element: HTMLElement
  readonly #options: TableOptions<Row>
  readonly #body = h('tbody')
  readonly #status = h('span', {class: 'status', role: 'status'})
  /** on paper: how many rows are left out */
  readonly #left = h('p', {class: 'left-out'})
  readonly #headings = new Map<string, HTMLTableCellElement>()
  #sort: {column: string; descending: boolean} | undefined
  #filter = ''
  #box: HTMLInputElement | undefined
  #picked = ''
  #all = false

  constructor(options: TableOptions<Row>) {
    this.#options = options
    const head = h('tr', {}, ...options.columns.map((column) => this.#heading(column)))
    const table = h('table', {}, h('caption', {}, options.caption), h('thead', {}, head), this.#body)
    const frame = h('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': options.caption}, table)
    this.element = h(
      'div',
      {class: 'table'},
      options.file !== undefined && this.#tools(options.file),
      frame,
      this.#left,
    )
    this.recall()
    options.memory?.follow(this)
  }

  /** Sorts and filters as its memory says. */
  recall(): void {
    const {memory, sortBy, columns} = this.#options
    const {sort, filter = ''} = memory?.read() ?? {}
    this.#sort = sort && columns.some(({id}) => id === sort.column) ? sort : sortBy
    this.#filter = this.#box === undefined ? '' : filter
    // never under the fingers of who is typing
    if (this.#box && this.#box.value.trim() !== filter) this.#box.value = filter
    this.#render()
  }

  #remember(): void {
    const {memory, sortBy} = this.#options
    const sort = this.#sort
    const own = sort?.column === sortBy?.column && sort?.descending === sortBy?.descending
    memory?.write({filter: this.#filter, ...(own ? {} : {sort})})
  }

  /** Marks one row and brings it into its frame; an empty id marks none. */
  pick(id: string, reveal: boolean): void {
    this.#picked = id
    const {rowId} = this.#options
    if (id !== '' && reveal && !this.#all && rowId && this.#rows().findIndex((row) => rowId(row) === id) >= MOST) {
      this.#all = true
      this.#render()
    }
    for (const row of this.#body.querySelectorAll<HTMLTableRowElement>('tr[data-id]')) {
      const on = row.dataset.id === id && id !== ''
      row.setAttribute('aria-selected', String(on))
      if (on) this.#stopAt(row)
      if (on && reveal) row.scrollIntoView({block: 'nearest'})
    }
  }

  #tools(file: string): HTMLElement {
    const box = h('input', {
      type: 'search',
      placeholder: 'Filter',
      'aria-label': `Filter ${this.#options.caption}`,
      input: () => {
        this.#filter = box.value.trim()
        this.#remember()
        this.#render()
      },
    })
    this.#box = box
    const csv = () => toCsv(this.#options.columns, this.#rows())
    return h(
      'div',
      {class: 'tools'},
      box,
      h(
        'button',
        {
          type: 'button',
          click: async () => {
            this.#status.textContent = (await copy(csv())) ? 'copied' : 'could not copy: use Save CSV'
          },
        },
        'Copy as CSV',
      ),
      h('button', {type: 'button', click: () => save(file, 'text/csv', csv())}, 'Save CSV'),
      this.#status,
    )
  }

  #heading(column: Column<Row>): HTMLTableCellElement {
    const th = h(
      'th',
      {scope: 'col', class: classOf(column), title: column.title},
      h(
        'button',
        {
          type: 'button',
          click: () => {
            const same = this.#sort?.column === column.id
            // numbers are read from the largest down, names from A
            this.#sort = {column: column.id, descending: same ? !this.#sort!.descending : column.numeric === true}
            this.#remember()
            this.#render()
          },
        },
        column.label,
      ),
    )
    this.#headings.set(column.id, th)
    return th
  }

  #rows(): Row[] {
    const {columns, rows} = this.#options
    const wanted = this.#filter.toLowerCase()
    const found = rows.filter(
      (row) =>
        wanted === '' ||
        columns.some((column) =>
          String(column.value(row) ?? '')
            .toLowerCase()
            .includes(wanted),
        ),
    )
    const sort = this.#sort
    const by = sort && columns.find((column) => column.id === sort.column)
    if (!sort || !by) return found
    const sign = sort.descending ? -1 : 1
    return found.sort((a, b) => compare(by.value(a), by.value(b), sign))
  }

  /** What paper leaves out, in words; empty where it has everything. */
  #leftOut(count: number): string {
    const {columns} = this.#options
    const by = columns.find(({id}) => id === this.#sort?.column)
    const hidden = columns.filter(({screenOnly}) => screenOnly).map(({label}) => `“${label}”`)
    const parts = [
      ...(count > PRINTED
        ? [`these are the first ${PRINTED} of ${formatCount(count)} rows${by ? `, by “${by.label}”` : ''}`]
        : []),
      ...(hidden.length > 0 ? [`columns ${hidden.join(', ')} are left out`] : []),
    ]
    return parts.length === 0 ? '' : `On paper ${parts.join('; ')}. The page and its CSV have everything.`
  }

  /** Moves the focus from a row as a key asks. */
  #walk(row: HTMLTableRowElement, key: string): boolean {
    const rows = [...this.#body.querySelectorAll<HTMLTableRowElement>('tr[data-id]')]
    const at = rows.indexOf(row)
    const to = {ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1}[key]
    const next = to === undefined ? undefined : rows[to]
    if (!next) return false
    this.#stopAt(next)
    next.focus()
    return true
  }

  /** Makes a row the one where Tab stops. */
  #stopAt(row: HTMLTableRowElement): void {
    for (const old of this.#body.querySelectorAll('tr[tabindex="0"]')) old.setAttribute('tabindex', '-1')
    row.tabIndex = 0
  }

  #render(): void {
    const {columns, rowId, onPick} = this.#options
    for (const [id, th] of this.#headings) {
      th.setAttribute(
        'aria-sort',
        this.#sort?.column !== id ? 'none' : this.#sort.descending ? 'descending' : 'ascending',
      )
    }
    const found = this.#rows()
    const rows = this.#all ? found : found.slice(0, MOST)
    const ids = rows.map((row) => rowId?.(row))
    const stop = ids.includes(this.#picked) ? this.#picked : ids[0]
    this.#body.replaceChildren(
      ...rows.map((row) => {
        const id = rowId?.(row)
        const choose = () => id !== undefined && onPick?.(id)
        return h(
          'tr',
          {
            'data-id': id,
            // one stop for the whole table: arrows go from row to row
            tabindex: onPick ? (id === stop ? 0 : -1) : null,
            'aria-selected': onPick ? String(id === this.#picked && id !== '') : null,
            click: onPick ? choose : null,
            keydown: onPick
              ? (event) => {
                  const {key} = event as KeyboardEvent
                  const row = event.currentTarget as HTMLTableRowElement
                  if (this.#walk(row, key)) return event.preventDefault()
                  if (key !== 'Enter' && key !== ' ') return
                  event.preventDefault()
                  choose()
                }
              : null,
          },
          ...columns.map((column, i) =>
            h(i === 0 ? 'th' : 'td', {scope: i === 0 ? 'row' : null, class: classOf(column)}, shown(column, row)),
          ),
        )
      }),
    )
    for (const row of [...this.#body.rows].slice(PRINTED)) row.classList.add('unprinted')
    this.#left.textContent = this.#leftOut(found.length)
    if (found.length > rows.length) {
      const more = () => {
        this.#all = true
        this.#render()
      }
      const button = h('button', {type: 'button', click: more}, `Show all ${found.length} rows`)
      this.#body.append(h('tr', {class: 'more'}, h('td', {colspan: columns.length}, button)))
    }
    if (rows.length === 0) {
      this.#body.append(h('tr', {}, h('td', {colspan: columns.length}, 'nothing matches the filter')))
    }
  }
}

function shown<Row>(column: Column<Row>, row: Row): Child {
  return column.show ? column.show(row) : String(column.value(row) ?? '–')
}

const classOf = ({numeric, screenOnly}: Pick<Column<never>, 'numeric' | 'screenOnly'>): string | null =>
  [numeric && 'numeric', screenOnly && 'unprinted'].filter(Boolean).join(' ') || null
