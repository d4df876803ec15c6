/** Where the time goes: a bar per operator, all of its instances together. */
import type {TopLevelSpec} from 'vega-lite'
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import {format, formatShare} from '../../src/analysis/units.ts'
import {seconds} from '../chart/axes.ts'
import {classLabel, classOf, operatorClasses, shortId} from '../chart/classes.ts'
import {chartConfig, themeParam} from '../chart/config.ts'
import type {Operator} from '../document.ts'
import {NARROW, type View, type ViewState} from '../view.ts'

/** More bars than this say less: the rest is one bar. */
const BARS = 16

interface Bar {
  id: string
  name: string
  cls: string
  lower: number
  upper: number
  share: number
  label: string
  summary: string
}

type Group = ViewState['group']

/** What a bar stands for. A layer is an id without its last part. */
const groupOf = (op: Operator, by: Exclude<Group, 'operator'>): string =>
  by === 'kind' ? op.kind : by === 'class' ? classLabel(classOf(op)) : shortId(op.id).replace(/\.[^.]*$/, '')

/** One bar per operator, or per group: sums, in the class of the group's largest. */
function sums(operators: readonly Operator[], by: Group): Omit<Bar, 'label' | 'summary'>[] {
  const bar = (op: Operator, name: string, id: string) => ({
    id,
    name,
    cls: classLabel(classOf(op)),
    lower: op.time.lower * op.repeat,
    upper: op.time.upper * op.repeat,
    share: op.share,
  })
  if (by === 'operator') return operators.map((op) => bar(op, shortId(op.id), op.id))
  const groups = new Map<string, ReturnType<typeof bar> & {largest: number}>()
  for (const op of operators) {
    const name = groupOf(op, by)
    const own = bar(op, name, name)
    const known = groups.get(name)
    if (!known) groups.set(name, {...own, largest: own.lower})
    else {
      groups.set(name, {
        ...known,
        cls: own.lower > known.largest ? own.cls : known.cls,
        largest: Math.max(known.largest, own.lower),
        lower: known.lower + own.lower,
        upper: known.upper + own.upper,
        share: known.share + own.share,
      })
    }
  }
  return [...groups.values()]
}

function bars(analysis: Analysis, hidden: readonly string[], by: Group = 'operator'): Bar[] {
  const shownOperators = analysis.operators.filter((op) => op.time.lower > 0 && !hidden.includes(classOf(op)))
  const all = sums(shownOperators, by).sort((a, b) => b.lower - a.lower)
  const rest = all.slice(BARS)
  const shown = all.slice(0, BARS)
  if (rest.length > 0) {
    const sum = (of: 'lower' | 'upper' | 'share') => rest.reduce((total, bar) => total + bar[of], 0)
    const name = `${rest.length} more`
    shown.push({id: name, name, cls: 'Rest', lower: sum('lower'), upper: sum('upper'), share: sum('share')})
  }
  return shown.map((bar) => ({
    ...bar,
    label: `${formatShare(bar.share)} · ${format(bar.lower, 's')}`,
    summary: `${bar.id}: ${formatShare(bar.share)} of the time, ${format(bar.lower, 's')} to ${format(bar.upper, 's')}`,
  }))
}

const y = {
  field: 'name',
  type: 'nominal',
  sort: null,
  title: null,
  axis: {labelLimit: {expr: 'labelRoom'}, ticks: false, domain: false, labelPadding: 8},
  scale: {padding: 0.25},
} as const

const x = (field: string) => ({
  field,
  type: 'quantitative' as const,
  title: 'Time of all instances',
  scale: {domain: [0, {expr: 'longest * width / max(60, width - 126)'}], nice: false},
  axis: {
    tickCount: {expr: 'width < 400 ? 3 : 6'},
    labelExpr: seconds,
  },
})

const spec: TopLevelSpec = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  width: 860,
  height: 460,
  autosize: 'pad',
  config: chartConfig,
  params: [themeParam, {name: 'picked', value: ''}, {name: 'longest', value: 1}, {name: 'labelRoom', value: 256}],
  layer: [
    {
      data: {name: 'bars'},
      mark: {type: 'bar', opacity: 0.25, aria: false},
      encoding: {y, x: x('upper'), color: color()},
    },
    {
      data: {name: 'bars'},
      mark: {type: 'bar', cursor: 'pointer'},
      encoding: {
        y,
        x: x('lower'),
        color: color(),
        stroke: {condition: {test: 'datum.id === picked', value: {expr: 'theme.ink'}}, value: null},
        strokeWidth: {value: 2.5},
        description: {field: 'summary', type: 'nominal'},
        tooltip: {field: 'id', type: 'nominal'},
      },
    },
    {
      data: {name: 'bars'},
      mark: {type: 'text', align: 'left', dx: 6, fill: {expr: 'theme.ink'}, aria: false},
      // the scale leaves 126 px behind the longest bar: 19 characters of 12 px
      encoding: {
        y,
        x: {value: {expr: "scale('x', datum.upper)"}},
        text: {field: 'label', type: 'nominal'},
      },
    },
  ],
}

function color() {
  return {
    field: 'cls',
    type: 'nominal',
    title: null,
    scale: {
      domain: [...operatorClasses.map((c) => c.label), 'Rest'],
      range: [...operatorClasses.map((_, i) => ({expr: `theme.classes[${i}]`})), {expr: 'theme.muted'}],
    },
    legend: null,
  } as const
}

export const time: View = {
  id: 'time',
  title: 'Where the time goes',
  spec,
  margins: (width) => ({left: width < NARROW ? 126 : 270, right: 14, top: 6, bottom: 44}),
  inputs(analysis, state) {
    const rows = bars(analysis, state.hidden, state.group)
    const longest = Math.max(1e-12, ...rows.map((bar) => bar.upper))
    return {height: 26 * rows.length, signals: {longest}, data: {bars: rows}}
  },
  howToRead:
    'Each bar is one operator with all its instances, or all operators of one layer, kind or class; a group has the colour of its largest. The solid part is the least time it can take under the ceilings; the light part ends where nothing overlaps. Start with the longest solid bar.',
  assumptions: ['Operators run one after another; shares are of the sum of the solid parts.'],
  describe(analysis) {
    const rows = bars(analysis, [])
    const first = rows.slice(0, 3).map((bar) => `${bar.id} ${formatShare(bar.share)}`)
    return `Time by operator, ${format(analysis.totals.time.lower, 's')} in all: ${first.join(', ')}.`
  },
}
