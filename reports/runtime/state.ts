/** What the reader has chosen: one picked operator, what the charts show, the theme. Views listen and follow. */
import type {ThemeName} from '../chart/theme.ts'
import type {ReportDocument} from '../document.ts'
import type {ViewState} from '../view.ts'

export interface PageState {
  picked: string
  view: ViewState
  theme: ThemeName
}

type Listener = (state: PageState, changed: ReadonlySet<keyof PageState>) => void

export class Store {
  readonly document: ReportDocument
  #state: PageState
  readonly #listeners: Listener[] = []

  constructor(document: ReportDocument, initial: PageState) {
    this.document = document
    this.#state = initial
  }

  get state(): Readonly<PageState> {
    return this.#state
  }

  set(change: Partial<PageState>): void {
    const before = this.#state
    this.#state = {...before, ...change}
    const changed = new Set((Object.keys(change) as (keyof PageState)[]).filter((key) => before[key] !== change[key]))
    if (changed.size > 0) for (const listener of this.#listeners) listener(this.#state, changed)
  }

  listen(listener: Listener): void {
    this.#listeners.push(listener)
  }
}
