/// <reference lib="dom" />
/** What the reader has chosen: settings of the engine, one picked operator, what the charts show, the theme. Views follow. */
import type {Machine} from '../../src/analysis/document/machine.ts'
import {AnalysisError} from '../../src/analysis/errors.ts'
import {defaultState} from '../chart/draw.ts'
import {roofLines} from '../chart/roofs.ts'
import type {ThemeName} from '../chart/theme.ts'
import type {ReportDocument} from '../document.ts'
import type {Named, TableState, Zoom} from '../live/address.ts'
import {recompute, type Settings} from '../live/settings.ts'
import {type Extras, moreOf, type Source, type Sourced, sourceOf} from '../live/source.ts'
import type {Embedded, Shown, Subject} from '../shown.ts'
import type {ViewMore, ViewState} from '../view.ts'
import type {TableMemory} from './table.ts'

export interface PageState {
  /** what is shown: the embedded document until a control is touched */
  document: ReportDocument
  /** what was changed */
  settings: Settings
  picked: string
  view: ViewState
  theme: ThemeName
  /** the part of the roofline that is shown; `undefined`: its frame */
  zoom: Zoom | undefined
  /** how tables are sorted and filtered, by their names */
  tables: Readonly<Record<string, TableState>>
  /** id of the section that was gone to */
  section: string
  /** why the settings that were asked for make no sense; empty: they do */
  problem: string
}

type Listener = (state: PageState, changed: ReadonlySet<keyof PageState>) => void

export class Store {
  /** as it was embedded */
  readonly original: ReportDocument
  #sourced: Sourced
  readonly #extras: Extras
  /** points that the page embeds, and what they were joined with */
  readonly measured: NonNullable<Extras['placement']>
  readonly subject: Subject
  /** what the page holds, as it was given */
  readonly embedded: Embedded
  #source: Source | undefined
  #state: PageState
  readonly #listeners: Listener[] = []
  /** the present table of each name: recomputing builds a new one */
  readonly #tables = new Map<string, {recall(): void}>()
  /** name of the table that changes its own state */
  #writing = ''

  constructor({document, extras, subject, embedded}: Shown, theme: ThemeName) {
    this.original = document
    this.subject = subject
    this.embedded = embedded
    this.#sourced =
      subject === 'analysis' ? sourceOf(document, extras) : {reason: 'what was measured is not computed again'}
    this.#extras = extras
    this.measured = extras.placement ?? {points: []}
    this.#source = this.#sourced.source
    this.#state = {
      ...{document, settings: {}, picked: '', view: defaultState(document.result, extras.runs), theme},
      ...{zoom: undefined, tables: {}, section: '', problem: ''},
    }
  }

  get state(): Readonly<PageState> {
    return this.#state
  }

  /** What is shown now. */
  get document(): ReportDocument {
    return this.#state.document
  }

  /** What the embedded document was computed from, or why the page cannot compute. */
  get sourced(): Sourced {
    return this.#sourced
  }

  /** What views may use besides the document that is shown. */
  get more(): ViewMore {
    const all = moreOf(this.document, this.#extras, this.#source, this.subject)
    // runs belong to the machine that they were measured on
    const same = this.document.result.machine.id === this.original.result.machine.id
    // points belong to the workload too
    const points = this.document === this.original ? this.measured.points : undefined
    return {...all, points, ...(same ? {} : {runs: undefined, blocks: undefined, pairs: undefined})}
  }

  /** What an address may name in the document that is shown. */
  get named(): Named {
    const {result} = this.document
    return {
      defaults: defaultState(result, this.more.runs),
      operators: result.operators.map((op) => op.id),
      ceilings: roofLines(result).map((line) => line.id),
      levels: Object.keys(result.totals.bytes),
    }
  }

  /** Puts a machine among those that can be chosen, in the place of one with its id. */
  addMachine(machine: Machine): void {
    const {source} = this.#sourced
    if (!source) return
    const machines = [...source.machines.filter(({id}) => id !== machine.id), machine]
    this.#sourced = {source: {...source, machines}}
  }

  set(change: Partial<PageState>): void {
    const before = this.#state
    this.#state = {...before, ...change}
    const changed = new Set((Object.keys(change) as (keyof PageState)[]).filter((key) => before[key] !== change[key]))
    if (changed.size > 0) for (const listener of this.#listeners) listener(this.#state, changed)
  }

  /**
   * Computes again with these settings and shows the result. Where they make no sense nothing changes but `problem`, which has the
   * engine's words.
   */
  apply(settings: Settings): void {
    try {
      this.#apply(settings)
    } catch (error) {
      const next = error instanceof AnalysisError ? error.suggestions.slice(0, 1) : []
      this.set({problem: [error instanceof Error ? error.message : String(error), ...next].join('; ')})
    }
  }

  #apply(settings: Settings): void {
    const {source} = this.#sourced
    if (!source) return
    const start = performance.now()
    const fresh = Object.keys(settings).length > 0 ? recompute(source, settings) : {document: this.original, source}
    // for `npm run bench:report`
    performance.measure('ridgepoint:engine', {start})
    const {view, document: old, picked} = this.#state
    this.#source = fresh.source
    const {result} = fresh.document
    const moved = result.machine.id !== old.result.machine.id
    const untouched = this.named.defaults.ceilings.join() === view.ceilings.join()
    const runs = result.machine.id === this.original.result.machine.id ? this.#extras.runs : undefined
    const stays = (id: string) => (result.operators.some((op) => op.id === id) ? id : '')
    this.set({
      document: fresh.document,
      settings,
      picked: stays(picked),
      problem: '',
      // another machine has another frame
      ...(moved ? {zoom: undefined} : {}),
      view: {
        ...view,
        isolated: stays(view.isolated),
        level: result.totals.bytes[view.level] === undefined ? '' : view.level,
        ceilings: untouched || moved ? defaultState(result, runs).ceilings : view.ceilings,
      },
    })
  }

  /** Where the table of this name keeps how it is sorted and filtered. */
  memory(name: string): TableMemory {
    const write = (state: TableState) => {
      const {[name]: _old, ...rest} = this.#state.tables
      const plain = state.sort === undefined && state.filter === ''
      this.#writing = name
      this.set({tables: plain ? rest : {...rest, [name]: state}})
      this.#writing = ''
    }
    return {
      read: () => this.#state.tables[name],
      write,
      follow: (table) => {
        const first = !this.#tables.has(name)
        this.#tables.set(name, table)
        if (!first) return
        this.listen((_state, changed) => {
          if (changed.has('tables') && this.#writing !== name) this.#tables.get(name)?.recall()
        })
      },
    }
  }

  listen(listener: Listener): void {
    this.#listeners.push(listener)
  }
}
