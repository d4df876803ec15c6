/** A matrix product measured in blocks of many sizes, over what the level behind each block's cache allows. */
import type {TopLevelSpec} from 'vega-lite'
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import {format, formatCount, formatShare} from '../../src/analysis/units.ts'
import {si, titleAbove} from '../chart/axes.ts'
import {allowed, type BlockRun, blockRuns, cachesOf, EDGES, edgeTicks} from '../chart/blocks.ts'
import {chartConfig, themeParam} from '../chart/config.ts'
import type {View, ViewMore} from '../view.ts'

const x = {
  field: 'edge',
  type: 'quantitative' as const,
  title: 'Edge of a square block, elements',
  scale: {type: 'log' as const, base: 2, domain: [...EDGES], nice: false},
  axis: {values: edgeTicks, format: ',', labelOverlap: 'greedy' as const, labelSeparation: 8},
}
const y = {
  field: 'rate',
  type: 'quantitative' as const,
  title: 'FLOP/s',
  scale: {domain: [0, {expr: 'top'}], nice: false},
  axis: {labelExpr: si, tickCount: 6, ...titleAbove},
}
const names = ['measured', 'measured, blocks of the model']
const legend = {orient: 'top' as const, columns: {expr: 'width < 420 ? 1 : 2'}, labelLimit: 0, offset: 26}

const spec: TopLevelSpec = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  width: 860,
  height: 260,
  autosize: 'pad',
  config: chartConfig,
  params: [themeParam, {name: 'top', value: 1e11}],
  layer: [
    {
      data: {name: 'caches'},
      mark: {type: 'rule', clip: true, strokeDash: [2, 4], stroke: {expr: 'theme.muted'}, aria: false},
      encoding: {x},
    },
    {
      data: {name: 'caches'},
      mark: {
        type: 'text',
        clip: true,
        align: 'right',
        baseline: 'bottom',
        dx: -4,
        y: {expr: 'height - 5'},
        fill: {expr: 'theme.muted'},
      },
      encoding: {x, text: {field: 'label', type: 'nominal'}},
    },
    {
      data: {name: 'predicted'},
      mark: {type: 'line', clip: true, strokeWidth: 2, strokeDash: [6, 4], stroke: {expr: 'theme.muted'}, aria: false},
      encoding: {x, y},
    },
    {
      data: {name: 'limit'},
      mark: {
        type: 'text',
        clip: true,
        align: 'right',
        baseline: 'bottom',
        dx: -4,
        dy: -4,
        fill: {expr: 'theme.muted'},
      },
      encoding: {x: {value: {expr: 'width'}}, y, text: {field: 'label', type: 'nominal'}},
    },
    {
      data: {name: 'measured'},
      mark: {type: 'line', clip: true, strokeWidth: 1.5, stroke: {expr: 'theme.classes[0]'}, aria: false},
      encoding: {x, y},
      transform: [{filter: 'datum.square'}],
    },
    {
      data: {name: 'measured'},
      mark: {type: 'point', clip: true, filled: true, size: 110, opacity: 1},
      encoding: {
        x,
        y,
        color: {
          field: 'what',
          type: 'nominal',
          title: null,
          scale: {domain: names, range: [{expr: 'theme.classes[0]'}, {expr: 'theme.classes[1]'}]},
          legend,
        },
        shape: {
          field: 'what',
          type: 'nominal',
          title: null,
          scale: {domain: names, range: ['circle', 'diamond']},
          legend,
        },
        description: {field: 'summary', type: 'nominal'},
        tooltip: {field: 'summary', type: 'nominal'},
      },
    },
  ],
}

/** What each run reached beside what its level allows. */
function rows(analysis: Analysis, more: ViewMore | undefined) {
  const caches = cachesOf(more)
  return blockRuns(more).map((run) => {
    const {rate, level} = allowed(analysis, caches, run, run.edge)
    const doubt = run.verdict === 'ok' ? '' : `, ${run.verdict}`
    return {
      ...run,
      what: names[run.chosen ? 1 : 0]!,
      rate: run.flopsPerSecond,
      limit: rate,
      summary: `blocks of ${run.blocks}${run.chosen ? ', those of the model' : ''}: ${format(run.flopsPerSecond, 'FLOP/s')}, ${formatShare(run.flopsPerSecond / run.peak)} of the peak${run.square ? `; ${level} allows ${format(rate, 'FLOP/s')}` : ''}${doubt}`,
    }
  })
}

/** The dashed line: points between the edges, for the product that was measured. */
function line(analysis: Analysis, more: ViewMore | undefined, run: BlockRun) {
  const steps = 8 * Math.log2(EDGES[1] / EDGES[0])
  const most = Math.min(EDGES[1], run.size)
  return Array.from({length: steps + 1}, (_, i) => EDGES[0] * 2 ** (i / 8))
    .filter((edge) => edge <= most)
    .map((edge) => ({edge, ...allowed(analysis, cachesOf(more), run, edge)}))
}

export const blocks: View = {
  id: 'blocks',
  title: 'Blocks of a matrix product, measured',
  spec,
  margins: (width) => ({left: 56, right: 20, top: width < 500 ? 86 : 66, bottom: 44}),
  missing: (_analysis, more) =>
    blockRuns(more).length > 1 ? undefined : 'nothing was measured over blocks (`perf bench gemm-blocked --sweep`)',
  inputs(analysis, _state, more) {
    const measured = rows(analysis, more)
    const [first] = measured
    return {
      signals: {top: 1.16 * Math.max(...measured.map(({peak, rate}) => Math.max(peak, rate)), 1)},
      data: {
        measured,
        limit: first ? [{rate: first.peak, label: 'what the level behind the cache allows'}] : [],
        predicted: first ? line(analysis, more, first) : [],
        caches: cachesOf(more).map(({level, bytes}) => ({
          edge: Math.floor(Math.sqrt(bytes / 12)),
          label: level,
        })),
      },
    }
  },
  howToRead:
    'Each dot is the same product, computed in blocks of another size. The dashed line is what the level behind the cache that holds three blocks allows: its bandwidth times the intensity of the blocks, at most the peak. A dot on the line is explained by that level; one below it waits for something else: copying blocks, the ends of blocks, too few of them for all cores. An upright line is the largest block of which the cache of that name holds three. The diamond is the blocking that the blocked product takes by this model for 1 MiB of L2 (on Intel cores large products in row-major order take another way), at the square root of its block of a; so do dots of other blocks that are no squares, which no line joins.',
  assumptions: [
    'One product, 32-bit; rates are of the fastest repetition, checked against the reference.',
    'Blocks of a, b and c of one edge; elements moved: a once per block of columns, b once per block of rows, c read and written once per block of k (Goto and van de Geijn 2008).',
    'Bandwidths are those measured for reading on as many threads.',
  ],
  describe(analysis, more) {
    const all = rows(analysis, more)
    const best = all.reduce<(typeof all)[number] | undefined>((a, b) => (a && a.rate >= b.rate ? a : b), undefined)
    const chosen = all.find((row) => row.chosen)
    if (!best) return '0 products were measured over blocks.'
    const {size, threads} = best
    return (
      `Product of ${formatCount(size)} × ${formatCount(size)} × ${formatCount(size)} on ${threads} ${threads === 1 ? 'thread' : 'threads'}: fastest with blocks of ${best.blocks}, ${format(best.rate, 'FLOP/s')}, ${formatShare(best.rate / best.peak)} of the peak.` +
      (chosen && chosen !== best ? ` The model takes ${chosen.blocks}: ${formatShare(chosen.rate / chosen.peak)}.` : '')
    )
  },
}
