/// <reference lib="dom" />
/** Fused against unfused, side by side: the whole graph by level, and each group of operators. */
import type {Analysis, FusionGroup, FusionLevel} from '../../../src/analysis/document/analysis.ts'
import {format, formatCount} from '../../../src/analysis/units.ts'
import {shortId} from '../../chart/classes.ts'
import {formatIntensity} from '../../chart/points.ts'
import {fusion} from '../../views/fusion.ts'
import type {Chart} from '../chart.ts'
import {h} from '../dom.ts'
import {live} from '../live.ts'
import type {Store} from '../state.ts'
import {type Column, Table} from '../table.ts'
import type {Tooltip} from '../tooltip.ts'
import {figureOf} from './figure.ts'

const bareIntensity = (value: number | null) => formatIntensity(value).replace(' FLOP/B', '')

const levelNames: Readonly<Record<string, string>> = {
  none: 'every operator apart',
  elementwise: 'epilogues and chains joined',
  attention: 'no score matrix in memory',
  all: 'everything that can share a kernel',
}

const marked = (fusion: string, analysis: Analysis) => (fusion === analysis.workload.fusion ? `► ${fusion}` : fusion)

const ratio = (after: number, before: number): string =>
  after > 0 && before > 0 ? `${Number((before / after).toPrecision(3))}×` : '–'

function levelColumns(analysis: Analysis): Column<FusionLevel>[] {
  const base = analysis.fusion.levels.find((level) => level.fusion === 'none') ?? analysis.fusion.levels[0]!
  return [
    {
      id: 'fusion',
      label: 'Fusion',
      value: (l) => l.fusion,
      show: (l) =>
        h(
          l.fusion === analysis.workload.fusion ? 'strong' : 'span',
          {title: levelNames[l.fusion]},
          marked(l.fusion, analysis),
        ),
    },
    {id: 'bytes', label: 'Bytes', numeric: true, value: (l) => l.bytes, show: (l) => format(l.bytes, 'B')},
    {
      id: 'intensity',
      label: 'FLOP/B',
      numeric: true,
      value: (l) => l.intensity,
      show: (l) => bareIntensity(l.intensity),
    },
    {
      id: 'lower_seconds',
      label: 'Time',
      title: 'lower bound',
      numeric: true,
      value: (l) => l.time.lower,
      show: (l) => format(l.time.lower, 's'),
    },
    {
      id: 'speedup',
      label: 'Faster',
      title: 'than no fusion',
      numeric: true,
      value: (l) => (l.time.lower > 0 ? base.time.lower / l.time.lower : null),
      show: (l) => (l === base ? '' : ratio(l.time.lower, base.time.lower)),
    },
    {
      id: 'operators',
      label: 'Operators',
      title: 'that are launched',
      numeric: true,
      value: (l) => l.operators,
      show: (l) => formatCount(l.operators),
    },
    {
      id: 'activations',
      label: 'Activations',
      title: 'bytes at their peak',
      numeric: true,
      value: (l) => l.activations,
      show: (l) => format(l.activations, 'B'),
    },
    {id: 'bound', label: 'Bound by', value: (l) => l.bound},
  ]
}

/** A before and an after in one cell, so that they are read together. */
export const pair = (before: string, after: string) =>
  h('span', {class: 'pair'}, h('span', {}, before), h('span', {class: 'arrow'}, ' → '), h('strong', {}, after))

const groupColumns: Column<FusionGroup>[] = [
  {
    id: 'group',
    label: 'Fused operator',
    value: (g) => g.id,
    show: (g) => h('span', {title: g.parts.join(' + ')}, shortId(g.id)),
  },
  {id: 'repeat', label: 'Times', numeric: true, value: (g) => g.repeat, show: (g) => formatCount(g.repeat)},
  {
    id: 'bytes_ratio',
    label: 'Bytes, unfused → fused',
    numeric: true,
    value: (g) => g.unfused.bytes - g.fused.bytes,
    show: (g) => pair(format(g.unfused.bytes, 'B'), format(g.fused.bytes, 'B')),
  },
  {
    id: 'intensity_fused',
    label: 'FLOP/B, unfused → fused',
    numeric: true,
    value: (g) => g.fused.intensity,
    show: (g) => pair(bareIntensity(g.unfused.intensity), bareIntensity(g.fused.intensity)),
  },
  {
    id: 'seconds_saved',
    label: 'Time, unfused → fused',
    numeric: true,
    value: (g) => g.unfused.time - g.fused.time,
    show: (g) => pair(format(g.unfused.time, 's'), format(g.fused.time, 's')),
  },
  {
    id: 'speedup',
    label: 'Faster',
    numeric: true,
    value: (g) => (g.fused.time > 0 ? g.unfused.time / g.fused.time : null),
    show: (g) => ratio(g.fused.time, g.unfused.time),
  },
  {
    id: 'bound',
    label: 'Bound by',
    value: (g) => g.fused.bound,
    show: (g) =>
      g.unfused.bound === g.fused.bound ? (g.fused.bound ?? '–') : pair(g.unfused.bound ?? '–', g.fused.bound ?? '–'),
  },
]

export function fusionSection(store: Store, tooltip: Tooltip): {element: HTMLElement; start: () => Chart} | undefined {
  if (store.document.result.fusion.levels.length === 0) return undefined
  const {figure, start} = figureOf(fusion, store, tooltip)
  const levelTable = () =>
    new Table({
      caption: 'The whole graph at each fusion level',
      columns: levelColumns(store.document.result),
      rows: store.document.result.fusion.levels,
      memory: store.memory('levels'),
    }).element
  const groupTable = () => {
    const {groups} = store.document.result.fusion
    if (groups.length === 0) return undefined
    return new Table({
      caption: 'Each group that fusing everything joins, all instances',
      columns: groupColumns,
      rows: groups,
      memory: store.memory('groups'),
      sortBy: {column: 'seconds_saved', descending: true},
    }).element
  }
  return {
    element: h(
      'section',
      {id: 'fusion'},
      h('h2', {}, fusion.title),
      h('div', {class: 'beside'}, figure, live(store, levelTable)),
      live(store, groupTable),
    ),
    start,
  }
}
