/** What a view of the report is: a static Vega-Lite spec, the rows and signals that fill it, and the words beside it. */
import type {TopLevelSpec} from 'vega-lite'
import type {Analysis} from '../src/analysis/document/analysis.ts'

/** Below this outer width, px, charts give names less room. */
export const NARROW = 520

/** What a reader has switched on or off. */
export interface ViewState {
  /** ids of ceilings that are drawn */
  readonly ceilings: readonly string[]
  /** operator classes that are hidden */
  readonly hidden: readonly string[]
  /** draw where fusing moves operators */
  readonly moves: boolean
}

/** Rows by data set name and values by signal name. */
export interface ViewInputs {
  readonly data: Readonly<Record<string, readonly object[]>>
  readonly signals: Readonly<Record<string, unknown>>
  /** height of the plotting area in px, where it depends on the number of rows */
  readonly height?: number
}

export interface Margins {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

export interface View {
  readonly id: string
  readonly title: string
  /** Structure only: compiled once, at build time; data sets are named and empty. */
  readonly spec: TopLevelSpec
  /** Room around the plotting area for axes, px, at an outer width: charts lay themselves out no other way on the page. */
  margins(width: number): Margins
  inputs(analysis: Analysis, state: ViewState): ViewInputs
  readonly howToRead: string
  readonly assumptions: readonly string[]
  /** One paragraph that says what the picture shows, for who cannot see it. */
  describe(analysis: Analysis): string
}
