/** What must fit: weights, KV cache and activations stacked against the memory of one device. */
import type {TopLevelSpec} from 'vega-lite'
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import {format, formatShare} from '../../src/analysis/units.ts'
import {chartConfig, themeParam} from '../chart/config.ts'
import {NARROW, type View} from '../view.ts'

const memoryClasses = [
  {id: 'weights', label: 'Weights'},
  {id: 'kvCache', label: 'KV cache'},
  {id: 'activations', label: 'Activations'},
  {id: 'gradients', label: 'Gradients'},
  {id: 'optimizer', label: 'Optimizer'},
] as const

/** What waits in the memory of the host instead, and what bringing it back costs. */
function offloaded(analysis: Analysis): string {
  const offload = analysis.training?.offload
  if (!offload) return ''
  const {bytes, bandwidth, seconds, operators} = offload
  const longer = operators !== undefined && seconds > operators ? ' The step waits for it.' : ''
  return ` Besides, ${format(bytes, 'B')} of kept activations wait in the memory of the host: ${format(seconds, 's')} over the link of ${format(bandwidth, 'B/s')}, there and back.${longer}`
}

/** The teacher's part of the weights. */
function taught(analysis: Analysis): string {
  const teacher = analysis.training?.teacher
  return teacher ? ` ${format(teacher.weights, 'B')} of the weights are the teacher's.` : ''
}

function parts(analysis: Analysis) {
  const {memory} = analysis.totals
  let from = 0
  return memoryClasses
    .filter(({id}) => memory[id] > 0)
    .map(({id, label}) => {
      const start = from
      from += memory[id]
      return {cls: label, start, end: from, summary: `${label}: ${format(memory[id], 'B')}`}
    })
}

const spec: TopLevelSpec = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  width: 860,
  height: 76,
  autosize: 'pad',
  config: chartConfig,
  params: [themeParam, {name: 'largest', value: 1}, {name: 'present', value: memoryClasses.map((c) => c.label)}],
  layer: [
    {
      data: {name: 'capacity'},
      mark: {type: 'bar', fill: {expr: 'theme.gutter'}, stroke: {expr: 'theme.muted'}, height: 44},
      encoding: {
        x: {
          field: 'start',
          type: 'quantitative',
          title: 'Memory of one device',
          scale: {domain: [0, {expr: 'largest * 1.02'}], nice: false},
          axis: {
            format: '~s',
            tickCount: {expr: 'width < 400 ? 4 : 8'},
            labelExpr: "datum.value === 0 ? '0' : slice(datum.label, 0, -1) + ' ' + slice(datum.label, -1) + 'B'",
          },
        },
        x2: {field: 'end'},
        description: {field: 'label', type: 'nominal'},
        tooltip: {field: 'label', type: 'nominal'},
      },
    },
    {
      data: {name: 'parts'},
      mark: {type: 'bar', height: 44, stroke: {expr: 'theme.surface'}, strokeWidth: 1},
      encoding: {
        x: {field: 'start', type: 'quantitative'},
        x2: {field: 'end'},
        color: {
          field: 'cls',
          type: 'nominal',
          title: null,
          scale: {
            domain: memoryClasses.map((c) => c.label),
            range: memoryClasses.map((_, i) => ({expr: `theme.memory[${i}]`})),
          },
          legend: {columns: {expr: 'width < 420 ? 3 : 5'}, values: {expr: 'present'}},
        },
        description: {field: 'summary', type: 'nominal'},
        tooltip: {field: 'summary', type: 'nominal'},
      },
    },
    {
      data: {name: 'capacity'},
      mark: {type: 'tick', thickness: 3, size: 62, opacity: 1, color: {expr: 'theme.accent'}, aria: false},
      encoding: {x: {field: 'end', type: 'quantitative'}},
    },
    {
      data: {name: 'capacity'},
      mark: {
        type: 'text',
        align: {expr: "scale('x', datum.end) > width - 130 ? 'right' : 'left'"},
        fill: {expr: 'theme.ink'},
        y: 2,
        dx: {expr: "scale('x', datum.end) > width - 130 ? -6 : 6"},
      },
      encoding: {x: {field: 'end', type: 'quantitative'}, text: {field: 'label', type: 'nominal'}},
    },
  ],
}

export const memory: View = {
  id: 'memory',
  title: 'Memory',
  spec,
  margins: (width) => ({left: 14, right: 20, top: 22, bottom: width < NARROW ? 96 : 76}),
  inputs(analysis) {
    const capacity = analysis.machine.memory
    return {
      signals: {
        largest: Math.max(1, analysis.totals.memory.peak, capacity ?? 0),
        // a class that this pass does not have stays out of the legend
        present: parts(analysis).map(({cls}) => cls),
      },
      data: {
        parts: parts(analysis),
        capacity: capacity === null ? [] : [{start: 0, end: capacity, label: `capacity ${format(capacity, 'B')}`}],
      },
    }
  },
  howToRead:
    'The coloured parts lie behind one another and must end before the mark of the capacity. Weights stay the same for every request; the KV cache grows with batch and context; activations are counted at their peak over the pass.',
  assumptions: [
    'Activations are freed as soon as their last reader is done; nothing is lost to fragmentation or to a framework’s workspace.',
  ],
  describe(analysis) {
    const {memory: need} = analysis.totals
    const capacity = analysis.machine.memory
    const fits =
      capacity === null
        ? 'The machine states no capacity.'
        : need.peak <= capacity
          ? `That is ${formatShare(need.peak / capacity)} of the ${format(capacity, 'B')} of one device.`
          : `That is ${format(need.peak - capacity, 'B')} more than the ${format(capacity, 'B')} of one device.`
    return `Memory: ${parts(analysis)
      .map((part) => part.summary)
      .join(', ')}; ${format(need.peak, 'B')} at the peak. ${fits}${offloaded(analysis)}${taught(analysis)}`
  },
}
