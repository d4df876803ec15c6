/// <reference lib="dom" />
/** The machine: every ceiling with where it comes from; and the machines ranked, where several were asked for. */
import type {Rank} from '../../../src/analysis/document/analysis.ts'
import type {Ceiling} from '../../../src/analysis/document/machine.ts'
import {format, formatShare} from '../../../src/analysis/units.ts'
import {h} from '../dom.ts'
import type {Store} from '../state.ts'
import {type Column, Table} from '../table.ts'

const what = (c: Ceiling): string =>
  [
    c.engine,
    c.dtype,
    c.operation,
    c.level,
    c.mix,
    c.isa,
    c.accumulate && `sums in ${c.accumulate}`,
    c.sparsity && `${c.sparsity} weights`,
  ]
    .filter(Boolean)
    .join(', ')

function columns(ceilings: readonly Ceiling[]): Column<Ceiling>[] {
  const all: (Column<Ceiling> | false)[] = [
    {id: 'id', label: 'Ceiling', value: (c) => c.id},
    {id: 'kind', label: 'Kind', value: (c) => c.kind},
    {id: 'what', label: 'Of what', value: what},
    {id: 'value', label: 'Value', numeric: true, value: (c) => c.value, show: (c) => format(c.value, c.unit)},
    ceilings.some((c) => c.threads !== undefined) && {
      id: 'threads',
      label: 'Threads',
      numeric: true,
      value: (c) => c.threads ?? null,
    },
    ceilings.some((c) => c.model) && {
      id: 'model',
      label: 'In theory',
      title: 'what ports, lanes and clock allow',
      numeric: true,
      value: (c) => c.model ?? null,
      show: (c) => h('span', {title: c.modelText}, format(c.model, c.unit)),
    },
    ceilings.some((c) => c.model) && {
      id: 'of_model',
      label: 'Reached',
      title: 'value ÷ theory',
      numeric: true,
      value: (c) => (c.model ? c.value / c.model : null),
      show: (c) => formatShare(c.model ? c.value / c.model : null),
    },
    ceilings.some((c) => c.cv !== undefined) && {
      id: 'cv',
      label: 'Noise',
      title: 'coefficient of variation of the samples',
      numeric: true,
      value: (c) => c.cv ?? null,
      show: (c) => formatShare(c.cv ?? null),
    },
    ceilings.some((c) => c.verdict !== undefined) && {
      id: 'verdict',
      label: 'Verdict',
      value: (c) => c.verdict ?? null,
      show: (c) => h('span', {title: c.reason}, c.verdict ?? '–'),
    },
    ceilings.some((c) => c.modelText) && {
      id: 'model_line',
      label: 'Model line',
      title: 'instructions per cycle × lanes × clock',
      value: (c) => c.modelText ?? null,
      show: (c) => c.modelText ?? '–',
    },
    {
      id: 'provenance',
      label: 'Provenance',
      value: (c) => c.provenance.kind,
      show: (c) => h('span', {class: `provenance ${c.provenance.kind}`}, c.provenance.kind),
    },
    {id: 'date', label: 'Date', value: (c) => c.provenance.date.slice(0, 10)},
    {
      id: 'source',
      label: 'Source',
      value: (c) => c.provenance.source,
      show: (c) => h('span', {class: 'source'}, c.provenance.source),
    },
  ]
  return all.filter((column) => column !== false)
}

export function ceilingsSection(store: Store): HTMLElement {
  const {machine} = store.document.result
  const table = new Table({
    caption: `Ceilings of ${machine.name}`,
    columns: columns(machine.ceilings),
    rows: machine.ceilings,
    file: 'ceilings.csv',
    memory: store.memory('ceilings'),
  })
  return h(
    'section',
    {id: 'machine'},
    h('h2', {}, 'The machine'),
    h(
      'p',
      {class: 'lead'},
      `${machine.name} (${machine.id}). Peaks are dense, those for 2:4 weights apart; each figure says where it comes from.`,
    ),
    table.element,
  )
}

const rankColumns: Column<Rank>[] = [
  {id: 'machine', label: 'Machine', value: (r) => r.name},
  {
    id: 'lower_seconds',
    label: 'Time',
    title: 'lower bound',
    numeric: true,
    value: (r) => r.time.lower,
    show: (r) => format(r.time.lower, 's'),
  },
  {
    id: 'upper_seconds',
    label: 'No overlap',
    numeric: true,
    value: (r) => r.time.upper,
    show: (r) => format(r.time.upper, 's'),
  },
  {
    id: 'tokens_per_second',
    label: 'Tokens/s',
    title: 'at most',
    numeric: true,
    value: (r) => r.tokensPerSecond,
    show: (r) => format(r.tokensPerSecond, ''),
  },
  {id: 'bound', label: 'Bound by', value: (r) => r.bound},
  {
    id: 'fits',
    label: 'Fits',
    value: (r) => (r.fits === null ? null : r.fits ? 'yes' : 'no'),
    show: (r) => (r.fits === null ? 'not stated' : r.fits ? 'yes' : h('strong', {class: 'bad'}, 'no')),
  },
  {
    id: 'cost_per_million_tokens',
    label: 'Cost per M tokens',
    numeric: true,
    value: (r) => r.costPerMillionTokens,
    show: (r) => format(r.costPerMillionTokens, ''),
  },
  {
    id: 'joules_per_million_tokens',
    label: 'Energy per M tokens',
    numeric: true,
    value: (r) => r.energyPerMillionTokens,
    show: (r) => (r.energyPerMillionTokens === null ? '–' : `${format(r.energyPerMillionTokens / 3600, '')} Wh`),
  },
]

export function rankingSection(store: Store): HTMLElement | undefined {
  const {ranking} = store.document.result
  if (ranking.length === 0) return undefined
  const table = new Table({
    caption: 'Machines for this workload, fastest first',
    columns: rankColumns,
    rows: ranking,
    file: 'ranking.csv',
    memory: store.memory('ranking'),
    sortBy: {column: 'lower_seconds', descending: false},
  })
  return h('section', {id: 'ranking'}, h('h2', {}, 'Machines ranked'), table.element)
}
