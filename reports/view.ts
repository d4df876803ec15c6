/** What a view of the report is: a static Vega-Lite spec, the rows and signals that fill it, and the words beside it. */
import type {TopLevelSpec} from 'vega-lite'
import type {Analysis} from '../src/analysis/document/analysis.ts'
import type {BenchKernel, FusedPair} from '../src/analysis/document/bench.ts'
import type {Machine} from '../src/analysis/document/machine.ts'
import type {PlacedPoint, Placement} from '../src/analysis/document/placement.ts'
import type {Source} from './live/source.ts'
import type {Subject} from './shown.ts'

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
  /** memory level whose bytes place the dots; empty: the outermost */
  readonly level: string
  /** every level of the picked operator, joined by a line */
  readonly levels: boolean
  /** part of a name: operators without it fade */
  readonly search: string
  /** only the operator with this id is drawn; empty: all */
  readonly isolated: string
  /** what one bar of the time view stands for */
  readonly group: 'operator' | 'layer' | 'kind' | 'class'
}

/** What a view may use besides the document: only some pages have it. */
export interface ViewMore {
  /** to run the engine at other sizes */
  readonly source?: Source | undefined
  /** the document's machine with its identity, where the page knows it */
  readonly machine?: Machine | undefined
  /** products measured in blocks of many sizes, on a page of measured kernels */
  readonly blocks?: readonly BenchKernel[] | undefined
  /** the state before, in a comparison */
  readonly before?: Analysis | undefined
  /** kernels measured on the document's machine */
  readonly runs?: readonly BenchKernel[] | undefined
  /** fused kernels measured against their chains */
  readonly pairs?: readonly FusedPair[] | undefined
  /** points measured elsewhere, under the document's machine */
  readonly points?: readonly PlacedPoint[] | undefined
  /** points measured before, in a comparison of two sets */
  readonly pointsBefore?: Placement | undefined
  /** the profile before, in a comparison of two */
  readonly machineBefore?: Machine | undefined
  /** what the page is about; a workload where nothing is said */
  readonly subject?: Subject | undefined
}

/** Rows by data set name and values by signal name. */
export interface ViewInputs {
  readonly data: Readonly<Record<string, readonly object[]>>
  readonly signals: Readonly<Record<string, unknown>>
  /** height of the plotting area in px, where it depends on the number of rows */
  readonly height?: number
  /** height of one row of a chart of rows, px: between two of them paper may cut it */
  readonly row?: number
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
  inputs(analysis: Analysis, state: ViewState, more?: ViewMore): ViewInputs
  /** Why a page cannot show this view; `undefined` where it can. Views without it always can. */
  missing?(analysis: Analysis, more: ViewMore): string | undefined
  readonly howToRead: string
  readonly assumptions: readonly string[]
  /** One paragraph that says what the picture shows, for who cannot see it. */
  describe(analysis: Analysis, more?: ViewMore): string
}
