/** Blocked matrix products: intensity against the edge of a block, with what each level holds and needs. */
import type {TopLevelSpec} from 'vega-lite'
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import {dtypeBits} from '../../src/analysis/dtype.ts'
import {format, formatCapacity} from '../../src/analysis/units.ts'
import {si, tickParams, ticks, titleAbove} from '../chart/axes.ts'
import {chartConfig, themeParam} from '../chart/config.ts'
import {formatIntensity} from '../chart/points.ts'
import {mainRidge, roofOf} from '../chart/roofs.ts'
import type {View, ViewMore} from '../view.ts'

const SMALLEST = 4
const LARGEST = 16_384

/** Bytes of one element of a product's operands: the wider of weights and activations. */
function elementBytes({workload}: Analysis): number {
  const {weights, activations} = workload.dtype
  return Math.max(...[weights, activations].map((type) => dtypeBits[type as keyof typeof dtypeBits])) / 8
}

/** The levels that feed a block: the block must be this large so that their bandwidth keeps the arithmetic busy. */
function needs(analysis: Analysis) {
  const bytes = elementBytes(analysis)
  const {peak} = mainRidge(analysis)
  return roofOf(analysis.machine).levels.map(({level, rate}) => {
    const ridge = peak / rate
    return {level, intensity: ridge, edge: Math.ceil(ridge * bytes), label: `${level} ridge ${formatIntensity(ridge)}`}
  })
}

/** The largest block of which three fit a cache. */
function holds(analysis: Analysis, more: ViewMore | undefined) {
  const bytes = elementBytes(analysis)
  const caches = more?.source?.machine.identity.caches ?? []
  return caches.flatMap(({level, claimed, found}) => {
    const size = found ?? claimed
    return size ? [{level, size, edge: Math.floor(Math.sqrt(size / 3 / bytes)), label: `${level} holds 3 blocks`}] : []
  })
}

const x = {
  field: 'edge',
  type: 'quantitative' as const,
  title: 'Edge of a square block, elements',
  scale: {type: 'log' as const, base: 2, domain: [SMALLEST, LARGEST], nice: false},
  axis: {values: Array.from({length: 13}, (_, i) => SMALLEST * 2 ** i), format: ',', labelOverlap: 'greedy' as const},
}
const y = {
  field: 'intensity',
  type: 'quantitative' as const,
  title: 'FLOP per byte moved into the block',
  scale: {type: 'log' as const, domain: [{expr: 'range[0]'}, {expr: 'range[1]'}], nice: false},
  axis: {values: ticks('y'), labelExpr: si, labelOverlap: 'greedy' as const, ...titleAbove},
}

const spec: TopLevelSpec = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  width: 860,
  height: 300,
  autosize: 'pad',
  config: chartConfig,
  params: [themeParam, ...tickParams, {name: 'range', value: [1, 10_000]}],
  layer: [
    {
      data: {name: 'holds'},
      mark: {type: 'rule', clip: true, strokeDash: [2, 4], stroke: {expr: 'theme.classes[1]'}, strokeWidth: 1.5},
      encoding: {x, description: {field: 'label', type: 'nominal'}},
    },
    {
      data: {name: 'needs'},
      mark: {type: 'rule', clip: true, strokeDash: [9, 4], stroke: {expr: 'theme.muted'}, strokeWidth: 1.5},
      encoding: {y, description: {field: 'label', type: 'nominal'}},
    },
    {
      data: {name: 'line'},
      mark: {type: 'line', clip: true, strokeWidth: 2.5, stroke: {expr: 'theme.classes[0]'}, aria: false},
      encoding: {x, y},
    },
    {
      data: {name: 'needs'},
      mark: {type: 'point', clip: true, filled: true, size: 80, fill: {expr: 'theme.classes[0]'}, opacity: 1},
      encoding: {x, y, description: {field: 'summary', type: 'nominal'}},
    },
    {
      data: {name: 'needs'},
      mark: {
        type: 'text',
        clip: true,
        align: 'left',
        baseline: {expr: "datum.row % 2 === 0 ? 'bottom' : 'top'"},
        dy: {expr: 'datum.row % 2 === 0 ? -3 : 3'},
        fill: {expr: 'theme.ink'},
      },
      encoding: {x: {value: 6}, y, text: {field: 'label', type: 'nominal'}},
    },
    {
      data: {name: 'holds'},
      mark: {
        type: 'text',
        align: {expr: "scale('x', datum.edge) > width - 180 ? 'right' : 'left'"},
        dx: {expr: "scale('x', datum.edge) > width - 180 ? -5 : 5"},
        baseline: 'top',
        fill: {expr: 'theme.ink'},
      },
      // above the slanted line there is room
      encoding: {x, y: {value: {expr: '6 + 17 * datum.row'}}, text: {field: 'label', type: 'nominal'}},
    },
  ],
}

export const tiles: View = {
  id: 'tiles',
  title: 'Blocks of a matrix product',
  spec,
  margins: () => ({left: 56, right: 20, top: 26, bottom: 44}),
  missing: (analysis) =>
    analysis.operators.some((op) => op.macs > 0) ? undefined : 'this workload has no matrix product',
  inputs(analysis, _state, more) {
    const bytes = elementBytes(analysis)
    const levels = needs(analysis).filter(({edge}) => edge > SMALLEST && edge <= LARGEST)
    return {
      signals: {range: [SMALLEST / bytes / 2, LARGEST / bytes]},
      data: {
        line: [SMALLEST, LARGEST].map((edge) => ({edge, intensity: edge / bytes})),
        needs: levels.map((need, row) => ({
          ...need,
          row,
          label: `${need.label}: block of ${need.edge}`,
          summary: `fed from ${need.level}, a block of ${need.edge} reaches the peak`,
        })),
        holds: holds(analysis, more).map((hold, row) => ({...hold, row, label: `${hold.label} of ${hold.edge}`})),
      },
    }
  },
  howToRead:
    'The slanted line is the work done per byte that enters a block of this size: larger blocks reuse more. Where it crosses a dashed line, the level of that name feeds the block fast enough for the peak; smaller blocks wait for it. A dotted upright line is the largest block of which a cache holds three (of A, B and C): a good block for a cache lies left of that cache and right of the crossing with the level outside it.',
  assumptions: [
    'Square blocks of edge b: 2b³ FLOP on 2b² elements read while the block of C stays, so b ÷ bytes per element FLOP/B; C itself is read and written once (Goto and van de Geijn 2008).',
    'The order is that of the lower bound for a fast memory of S elements, 2MNK ÷ √S (Hong and Kung 1981; Kwasniewski et al. 2019).',
    'Capacities are those a sweep found, else those the machine claims; datasheet machines state none here.',
    `A level whose crossing lies below ${SMALLEST + 1} elements feeds any block and is left out of the picture.`,
  ],
  describe(analysis, more) {
    const edges = needs(analysis).map(({level, edge}) => `${level} ${edge}`)
    const held = holds(analysis, more).map(({level, edge, size}) => `${level} (${formatCapacity(size)}) ${edge}`)
    return (
      `Edge of a block at which each level keeps the peak of ${format(mainRidge(analysis).peak, 'FLOP/s')} busy: ${edges.join(', ')} elements of ${elementBytes(analysis)} B.` +
      (held.length > 0 ? ` Largest block that a cache holds three times: ${held.join(', ')}.` : '')
    )
  },
}
