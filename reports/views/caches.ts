/** Working set against bandwidth, as measured, with the cache levels that were found. */
import type {TopLevelSpec} from 'vega-lite'
import {format, formatCapacity} from '../../src/analysis/units.ts'
import {around, si, tickParams, ticks, titleAbove} from '../chart/axes.ts'
import {chartConfig, themeParam} from '../chart/config.ts'
import type {View, ViewMore} from '../view.ts'

interface SweepPoint {
  readonly bytes: number
  readonly bytesPerSecond: number
}

const isPoint = (value: unknown): value is SweepPoint =>
  typeof value === 'object' &&
  value !== null &&
  'bytes' in value &&
  'bytesPerSecond' in value &&
  typeof value.bytes === 'number' &&
  typeof value.bytesPerSecond === 'number' &&
  value.bytes > 0 &&
  value.bytesPerSecond > 0

function sweepOf(more: ViewMore | undefined): SweepPoint[] {
  const sweep: unknown = more?.machine?.identity.sweep
  return Array.isArray(sweep) ? sweep.filter(isPoint) : []
}

/** A level as the sweep found it, and as the machine claims it. */
function levelsOf(more: ViewMore | undefined) {
  const caches = more?.machine?.identity.caches ?? []
  return caches.flatMap(({level, claimed, found}) => {
    const bytes = found ?? claimed
    if (!bytes) return []
    const label = found ? `${level} found: ${formatCapacity(found)}` : `${level} claimed: ${formatCapacity(claimed)}`
    return [{level, bytes, how: found ? 'found' : 'claimed', label}]
  })
}

const sizes = Array.from({length: 31}, (_, i) => 2 ** (i + 10))
const x = {
  field: 'bytes',
  type: 'quantitative' as const,
  title: 'Working set of one thread',
  scale: {type: 'log' as const, base: 2, domain: [{expr: 'reach[0]'}, {expr: 'reach[1]'}], nice: false},
  axis: {
    values: sizes.filter((_, i) => i % 2 === 0),
    labelExpr:
      "datum.value >= 1073741824 ? datum.value / 1073741824 + ' GiB' : datum.value >= 1048576 ? datum.value / 1048576 + ' MiB' : datum.value / 1024 + ' KiB'",
    labelOverlap: 'greedy' as const,
  },
}
const y = {
  field: 'bytesPerSecond',
  type: 'quantitative' as const,
  title: 'Read bandwidth (B/s)',
  scale: {type: 'log' as const, domain: [{expr: 'range[0]'}, {expr: 'range[1]'}], nice: false},
  axis: {values: ticks('y'), labelExpr: si, labelOverlap: 'greedy' as const, ...titleAbove},
}

/** The name of a level stands left of its line, or right where there is no room. */
const beside = {
  type: 'text' as const,
  clip: true,
  align: {expr: "scale('x', datum.bytes) < 150 ? 'left' : 'right'"},
  dx: {expr: "scale('x', datum.bytes) < 150 ? 5 : -5"},
  baseline: 'middle' as const,
}
const named = {
  x,
  y: {value: {expr: 'height - 12 - 17 * datum.row'}},
  text: {field: 'label', type: 'nominal' as const},
}

const spec: TopLevelSpec = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  width: 860,
  height: 280,
  autosize: 'pad',
  config: chartConfig,
  params: [themeParam, ...tickParams, {name: 'range', value: [1e9, 1e12]}, {name: 'reach', value: [4096, 2 ** 28]}],
  layer: [
    {
      data: {name: 'levels'},
      mark: {type: 'rule', clip: true, stroke: {expr: 'theme.classes[1]'}, strokeWidth: 1.5, aria: false},
      encoding: {
        x,
        strokeDash: {
          field: 'how',
          type: 'nominal',
          scale: {
            domain: ['found', 'claimed'],
            range: [
              [1, 0],
              [2, 4],
            ],
          },
          legend: null,
        },
      },
    },
    {
      data: {name: 'sweep'},
      mark: {type: 'line', strokeWidth: 2, stroke: {expr: 'theme.classes[0]'}, aria: false},
      encoding: {x, y},
    },
    {
      data: {name: 'sweep'},
      mark: {type: 'point', filled: true, size: 50, opacity: 1, fill: {expr: 'theme.classes[0]'}},
      encoding: {x, y, description: {field: 'summary', type: 'nominal'}, tooltip: {field: 'summary', type: 'nominal'}},
    },
    // on a narrow page a label lies over the line of the next level: its ground first, then the letters
    {
      data: {name: 'levels'},
      mark: {...beside, stroke: {expr: 'theme.surface'}, strokeWidth: 4, aria: false},
      encoding: named,
    },
    {data: {name: 'levels'}, mark: {...beside, fill: {expr: 'theme.ink'}}, encoding: named},
  ],
}

export const caches: View = {
  id: 'caches',
  title: 'Working set and bandwidth',
  spec,
  margins: () => ({left: 56, right: 20, top: 26, bottom: 44}),
  missing: (_analysis, more) =>
    sweepOf(more).length > 1 ? undefined : 'the page embeds no measured sweep of working sets for this machine',
  inputs(_analysis, _state, more) {
    const sweep = sweepOf(more)
    const bytes = sweep.map((point) => point.bytes)
    return {
      signals: {
        range: sweep.length > 0 ? around(sweep.map((point) => point.bytesPerSecond)) : [1e9, 1e12],
        reach: sweep.length > 0 ? [Math.min(...bytes), Math.max(...bytes)] : [4096, 2 ** 28],
      },
      data: {
        sweep: sweep.map((point) => ({
          ...point,
          summary: `${formatCapacity(point.bytes)}: ${format(point.bytesPerSecond, 'B/s')}`,
        })),
        levels: levelsOf(more).map((level, row) => ({...level, row})),
      },
    }
  },
  howToRead:
    'Each plateau is one memory level: data that fits it is read at that rate. Where the line falls, the level ends; the upright line of its name stands where the sweep found that end. A dotted one is only claimed: the sweep saw no step there, because the neighbouring levels are as fast, or because a virtual machine gets less than it is told.',
  assumptions: ['Reading by one thread; the best of several repetitions at each size.'],
  describe(_analysis, more) {
    const sweep = sweepOf(more)
    if (sweep.length === 0) return 'No sweep of working sets: 0 points.'
    const best = Math.max(...sweep.map((point) => point.bytesPerSecond))
    const last = sweep.at(-1)!
    const found = levelsOf(more).map((level) => level.label)
    return `Read bandwidth from ${format(best, 'B/s')} in the innermost cache down to ${format(last.bytesPerSecond, 'B/s')} at ${formatCapacity(last.bytes)}. ${found.join(', ')}.`
  },
}
