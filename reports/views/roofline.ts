/** The log-log roofline: every ceiling a line, every operator a dot. */
import type {TopLevelSpec} from 'vega-lite'
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import type {PlacedPoint} from '../../src/analysis/document/placement.ts'
import {format, formatShare} from '../../src/analysis/units.ts'
import {decades, fineDecades, si, ticks} from '../chart/axes.ts'
import {classLabel, classOf, operatorClasses} from '../chart/classes.ts'
import {chartConfig, themeParam} from '../chart/config.ts'
import {dotArea, GUTTER} from '../chart/layout.ts'
import {formatIntensity, gutterOf, levelPointsOf, movesOf, pointsOf} from '../chart/points.ts'
import {frameOf, mainRidge, roofLines} from '../chart/roofs.ts'
import {placedRuns, runsOf} from '../chart/runs.ts'
import type {View} from '../view.ts'

const x = {
  field: 'intensity',
  type: 'quantitative' as const,
  title: 'Arithmetic intensity (FLOP/B)',
  scale: {
    type: 'log' as const,
    domain: [{expr: 'frameX[0]'}, {expr: 'frameX[1]'}],
    range: [GUTTER, {expr: 'width'}],
    nice: false,
  },
  axis: {values: ticks('x'), labelExpr: si, labelOverlap: 'greedy' as const, labelFlush: true, domain: false},
}
const y = {
  field: 'performance',
  type: 'quantitative' as const,
  title: 'FLOP/s',
  scale: {
    type: 'log' as const,
    domain: [{expr: 'frameY[0]'}, {expr: 'frameY[1]'}],
    nice: false,
  },
  axis: {
    values: ticks('y'),
    labelExpr: si,
    labelOverlap: 'greedy' as const,
    titleAngle: 0,
    titleAlign: 'left' as const,
    titleAnchor: 'end' as const,
    titleX: -8,
    titleY: -10,
  },
}
const color = {
  field: 'cls',
  type: 'nominal',
  title: null,
  scale: {
    domain: operatorClasses.map((c) => c.label),
    range: operatorClasses.map((_, i) => ({expr: `theme.classes[${i}]`})),
  },
  legend: {columns: {expr: 'width < 500 ? 2 : 5'}},
} as const
const shape = {
  field: 'cls',
  type: 'nominal',
  title: null,
  scale: {domain: operatorClasses.map((c) => c.label), range: operatorClasses.map((c) => c.shape)},
} as const
const size = {
  field: 'share',
  type: 'quantitative',
  scale: {domain: [0, 1], range: [dotArea(0), dotArea(1)]},
  legend: null,
} as const
const outline = {stroke: {value: {expr: 'theme.surface'}}, strokeWidth: {value: 1}} as const
/** A ring around the operator that is picked. */
const ring = {
  type: 'point',
  clip: true,
  shape: 'circle',
  filled: false,
  opacity: 1,
  stroke: {expr: 'theme.accent'},
  strokeWidth: 3,
  aria: false,
  size: {expr: `${dotArea(0)} + ${dotArea(1) - dotArea(0)} * datum.share + 260`},
} as const
/** A search makes what it does not find faint. */
const fading = (opacity: number) => ({condition: {test: 'datum.faded', value: 0.12}, value: opacity}) as const
/** px that the names of the zones right of the ridge take */
const ZONE_ROOM = 112
/**
 * The name of a zone right of the ridge, px above the bottom; where that is too narrow it stands on the ridge's other side, higher.
 */
const zone = (text: string, up: number, upNarrow: number) => {
  const wide = `width - scale('x', datum.intensity) > ${ZONE_ROOM}`
  return {
    data: {name: 'ridge'},
    mark: {
      type: 'text' as const,
      clip: true,
      align: {expr: `${wide} ? 'left' : 'right'`},
      dx: {expr: `${wide} ? 6 : -6`},
      baseline: 'bottom' as const,
      y: {expr: `height - (${wide} ? ${up} : ${upNarrow})`},
      fill: {expr: 'theme.muted'},
      aria: false,
    },
    encoding: {x, text: {value: text}},
  }
}
const at = (field: string) => ({value: {expr: `datum.${field}`}}) as const

const spec: TopLevelSpec = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  width: 860,
  height: 500,
  autosize: 'pad',
  // every row is a finite number: filters for others cost 8 ms a change with 1,000 dots
  config: {...chartConfig, mark: {invalid: 'show'}},
  params: [
    themeParam,
    {name: 'frameX', value: [0.01, 1e4]},
    {name: 'frameY', value: [1e9, 1e15]},
    {name: 'decades', value: decades},
    {name: 'fineDecades', value: fineDecades},
    {name: 'picked', value: ''},
  ],
  layer: [
    {
      data: {name: 'ridge'},
      mark: {type: 'rule', clip: true, strokeDash: [2, 4], stroke: {expr: 'theme.muted'}, aria: false},
      encoding: {x, y, y2: {field: 'floor'}},
    },
    {
      data: {name: 'lines'},
      params: [
        {
          name: 'zoom',
          select: {
            type: 'interval',
            encodings: ['x', 'y'],
            zoom: 'wheel!',
          },
          bind: 'scales',
        },
      ],
      mark: {type: 'rule', clip: true, strokeCap: 'round'},
      encoding: {
        x,
        y,
        x2: {field: 'intensity2'},
        y2: {field: 'performance2'},
        stroke: {condition: {test: 'datum.relevant', value: {expr: 'theme.ink'}}, value: {expr: 'theme.muted'}},
        strokeWidth: {condition: {test: 'datum.relevant', value: 1.8}, value: 1},
        strokeDash: {
          field: 'provenance',
          type: 'nominal',
          scale: {
            domain: ['measured', 'datasheet', 'derived'],
            range: [
              [1, 0],
              [9, 4],
              [2, 3],
            ],
          },
          legend: null,
        },
        description: {field: 'label', type: 'nominal'},
      },
    },
    {
      data: {name: 'ridge'},
      mark: {
        type: 'text',
        clip: true,
        align: 'right',
        dx: -6,
        baseline: 'bottom',
        y: {expr: 'height - 5'},
        fill: {expr: 'theme.muted'},
        aria: false,
      },
      encoding: {x, text: {value: '◂ memory-bound'}},
    },
    zone('compute-bound ▸', 5, 37),
    zone('latency-bound ▾', 21, 53),
    {
      data: {name: 'ridge'},
      mark: {
        type: 'text',
        clip: true,
        align: 'right',
        dx: -6,
        baseline: 'bottom',
        y: {expr: 'height - 21'},
        fill: {expr: 'theme.muted'},
      },
      encoding: {x, text: {field: 'label', type: 'nominal'}},
    },
    {
      data: {name: 'moves'},
      mark: {type: 'rule', clip: true, stroke: {expr: 'theme.accent'}, strokeWidth: 1.5, aria: false},
      encoding: {x, y, x2: {field: 'intensity2'}, y2: {field: 'performance2'}},
    },
    {
      data: {name: 'moves'},
      mark: {type: 'point', clip: true, filled: false, size: 70, strokeWidth: 1.5, stroke: {expr: 'theme.accent'}},
      encoding: {x, y, fill: {value: {expr: 'theme.surface'}}, description: {field: 'from', type: 'nominal'}},
    },
    {
      data: {name: 'moves'},
      mark: {
        type: 'point',
        clip: true,
        shape: 'triangle',
        size: 90,
        filled: true,
        fill: {expr: 'theme.accent'},
        angle: {
          expr: "atan2(scale('x', datum.intensity) - scale('x', datum.from_intensity), scale('y', datum.from_performance) - scale('y', datum.performance)) * 180 / PI",
        },
      },
      transform: [
        {calculate: 'datum.intensity', as: 'from_intensity'},
        {calculate: 'datum.performance', as: 'from_performance'},
        {calculate: 'datum.intensity2', as: 'intensity'},
        {calculate: 'datum.performance2', as: 'performance'},
      ],
      encoding: {x, y, description: {field: 'to', type: 'nominal'}},
    },
    {
      data: {name: 'dots'},
      mark: {type: 'rule', clip: true, strokeWidth: 1.5, aria: false},
      encoding: {x, y, y2: {field: 'worst'}, color, opacity: fading(0.7)},
    },
    {
      data: {name: 'runs'},
      mark: {type: 'rule', clip: true, strokeWidth: 1.5, stroke: {expr: 'theme.ink'}, aria: false},
      encoding: {x, y, y2: {field: 'attainable'}},
    },
    {
      data: {name: 'runs'},
      mark: {type: 'tick', clip: true, width: 12, thickness: 2, stroke: {expr: 'theme.ink'}, aria: false},
      encoding: {x, y: {...y, field: 'attainable'}},
    },
    {
      data: {name: 'runs'},
      mark: {
        type: 'point',
        clip: true,
        filled: true,
        shape: 'triangle-down',
        size: 130,
        stroke: {expr: 'theme.ink'},
        fill: {expr: 'theme.surface'},
        strokeWidth: 2,
      },
      encoding: {
        x,
        y,
        description: {field: 'summary', type: 'nominal'},
        tooltip: {field: 'summary', type: 'nominal'},
      },
    },
    {
      data: {name: 'dots'},
      mark: {type: 'point', clip: true, filled: true, cursor: 'pointer'},
      encoding: {
        x,
        y,
        opacity: fading(0.92),
        color,
        shape,
        size,
        ...outline,
        description: {field: 'summary', type: 'nominal'},
        tooltip: {field: 'id', type: 'nominal'},
      },
    },
    {
      data: {name: 'dots'},
      transform: [{filter: 'datum.id === picked'}],
      mark: ring,
      encoding: {x, y},
    },
    {
      data: {name: 'dots'},
      transform: [{filter: "datum.off !== ''"}],
      mark: {type: 'text', dy: -14, fontSize: 13, fontWeight: 'bold', fill: {expr: 'theme.accent'}},
      encoding: {x, y, text: {field: 'off', type: 'nominal'}},
    },
    {
      data: {name: 'gutterBox'},
      mark: {type: 'rect', fill: {expr: 'theme.gutter'}, aria: false},
      encoding: {x: {value: 0}, x2: {value: GUTTER - 2}, y: {value: 0}, y2: {value: {expr: 'height'}}},
    },
    {
      data: {name: 'gutterBox'},
      mark: {type: 'text', angle: -90, align: 'right', baseline: 'middle', fill: {expr: 'theme.muted'}},
      encoding: {x: {value: GUTTER / 2 - 1}, y: {value: 8}, text: {field: 'label', type: 'nominal'}},
    },
    {
      data: {name: 'gutter'},
      mark: {type: 'point', filled: true, opacity: 0.92, cursor: 'pointer'},
      encoding: {
        x: {value: GUTTER / 2 - 1},
        y: {value: {expr: 'height - 18 - 22 * datum.row'}},
        color,
        shape,
        size,
        ...outline,
        description: {field: 'summary', type: 'nominal'},
        tooltip: {field: 'id', type: 'nominal'},
      },
    },
    {
      data: {name: 'gutter'},
      transform: [{filter: 'datum.id === picked'}],
      mark: ring,
      encoding: {x: {value: GUTTER / 2 - 1}, y: {value: {expr: 'height - 18 - 22 * datum.row'}}},
    },
    {
      data: {name: 'levelPoints'},
      transform: [{filter: 'datum.id === picked'}],
      mark: {
        type: 'line',
        clip: true,
        strokeWidth: 1.5,
        strokeDash: [4, 3],
        stroke: {expr: 'theme.accent'},
        aria: false,
      },
      encoding: {x, y, order: {field: 'intensity', type: 'quantitative'}},
    },
    {
      data: {name: 'levelPoints'},
      transform: [{filter: 'datum.id === picked'}],
      mark: {type: 'point', clip: true, filled: true, size: 90, fill: {expr: 'theme.accent'}},
      encoding: {x, y, description: {field: 'label', type: 'nominal'}},
    },
    {
      data: {name: 'levelPoints'},
      transform: [{filter: 'datum.id === picked'}],
      mark: {
        type: 'text',
        clip: true,
        align: 'left',
        baseline: 'bottom',
        dx: 8,
        dy: -8,
        fill: {expr: 'theme.accent'},
        aria: false,
      },
      encoding: {x, y, text: {field: 'label', type: 'nominal'}},
    },
    {
      data: {name: 'names'},
      transform: [{filter: 'datum.leader'}],
      mark: {type: 'rule', strokeWidth: 1, stroke: {expr: 'theme.muted'}, opacity: 0.6, aria: false},
      encoding: {x: at('fromX'), y: at('fromY'), x2: at('toX'), y2: at('toY')},
    },
    {
      data: {name: 'roofLabels'},
      mark: {
        type: 'text',
        align: 'left',
        baseline: 'middle',
        stroke: {expr: 'theme.surface'},
        strokeWidth: 4,
        strokeJoin: 'round',
        angle: {expr: 'datum.angle'},
        aria: false,
      },
      encoding: {x: at('x'), y: at('y'), text: {field: 'text', type: 'nominal'}},
    },
    {
      data: {name: 'roofLabels'},
      mark: {type: 'text', align: 'left', baseline: 'middle', angle: {expr: 'datum.angle'}},
      encoding: {
        x: at('x'),
        y: at('y'),
        text: {field: 'text', type: 'nominal'},
        fill: {condition: {test: 'datum.relevant', value: {expr: 'theme.ink'}}, value: {expr: 'theme.muted'}},
      },
    },
    {
      data: {name: 'names'},
      mark: {
        type: 'text',
        align: 'left',
        baseline: 'middle',
        stroke: {expr: 'theme.surface'},
        strokeWidth: 4,
        strokeJoin: 'round',
        aria: false,
      },
      encoding: {x: at('x'), y: at('y'), text: {field: 'text', type: 'nominal'}},
    },
    {
      data: {name: 'names'},
      mark: {type: 'text', align: 'left', baseline: 'middle', fill: {expr: 'theme.ink'}, aria: false},
      encoding: {x: at('x'), y: at('y'), text: {field: 'text', type: 'nominal'}},
    },
  ],
}

/** A page of points alone: what was measured under which roof. */
function describePoints(
  {model, machine}: Analysis,
  points: readonly PlacedPoint[],
  peak: number,
  bandwidth: number,
): string {
  const most = [...points].sort((a, b) => b.seconds - a.seconds).slice(0, 3)
  return (
    `Roofline of ${model.name} on ${machine.name}, under a peak of ${format(peak, 'FLOP/s')} and a memory bandwidth of ` +
    `${format(bandwidth, 'B/s')}: ${most.map((p) => `${p.name} reaches ${formatShare(p.efficiency)} of its roof`).join(', ')}` +
    `${points.length > most.length ? '; these take the most time' : ''}. A dot is what the roof allows, a triangle what was measured.`
  )
}

/** How far lines run beyond the frame, so that they do not end while a reader pans. */
const FAR = 1e12

export const roofline: View = {
  id: 'roofline',
  title: 'Roofline',
  spec,
  margins: () => ({left: 56, right: 14, top: 26, bottom: 44}),
  inputs(analysis, state, more) {
    const frame = frameOf(analysis.machine)
    const lines = roofLines(analysis).filter(
      (line) =>
        state.ceilings.includes(line.id) &&
        (state.level === '' || line.kind === 'compute' || line.level === state.level),
    )
    const top = Math.max(...lines.filter((l) => l.kind === 'compute').map((l) => l.value))
    const fastest = Math.max(...lines.filter((l) => l.kind === 'bandwidth').map((l) => l.value))
    const {peak, intensity} = mainRidge(analysis, state.level)
    return {
      signals: {frameX: frame.x, frameY: frame.y},
      data: {
        lines: lines.map((line) => {
          const compute = line.kind === 'compute'
          const knee = compute ? line.value / fastest : (Number.isFinite(top) ? top : frame.y[1] * FAR) / line.value
          // without a line of the other kind there is no knee, and the line crosses the whole frame
          const start = compute ? (Number.isFinite(fastest) ? knee : frame.x[0] / FAR) : frame.x[0] / FAR
          const end = compute ? frame.x[1] * FAR : knee
          return {
            ...line,
            intensity: start,
            performance: compute ? line.value : start * line.value,
            intensity2: end,
            performance2: compute ? line.value : end * line.value,
          }
        }),
        ridge: [
          {
            intensity,
            performance: peak,
            floor: frame.y[0] / FAR,
            label: `${state.level} ridge ${formatIntensity(intensity)}`.trim(),
          },
        ],
        dots: pointsOf(analysis, frame, state.hidden, state),
        gutter: gutterOf(analysis, state.hidden, state.isolated),
        levelPoints: state.levels ? levelPointsOf(analysis, frame) : [],
        runs: [...runsOf(more?.runs ?? [], frame), ...placedRuns(more?.points ?? [], frame)],
        gutterBox: [{label: 'no FLOPs'}],
        moves: state.moves
          ? movesOf(analysis, frame).map((m) => ({...m, from: `${m.id} unfused`, to: `${m.id} fused`}))
          : [],
        roofLabels: [],
        names: [],
      },
    }
  },
  howToRead:
    'Each dot is one operator. The slanted lines are memory levels, the flat lines are arithmetic: an operator can be no higher than the lowest line above its intensity. Under a slanted line it waits for memory, and moving fewer bytes helps; under a flat line it waits for arithmetic; far below both it waits for neither, but for its start, for steps one after another or for too little work to fill the machine: latency. A dot’s area is its share of the time, so look at the large ones first. The tail below a dot reaches down to the rate without any overlap of memory and arithmetic. Dots in the strip at the left only move data. A hollow triangle that points down is a run that was measured, joined to the tick that its roof allows. Lines are solid where measured, dashed where a datasheet states them, dotted where derived.',
  assumptions: [
    'A dot stands at the highest rate that the ceilings allow: a bound from the model, not a measurement.',
    'Bytes are compulsory traffic at the outermost memory level: every tensor is read once and written once.',
    'The frame depends on the machine alone, so that two reports of one machine can be compared; an arrow marks a dot beyond it.',
  ],
  describe(analysis, more) {
    const {peak, bandwidth, intensity} = mainRidge(analysis)
    if (more?.placed) return describePoints(analysis, more.points ?? [], peak, bandwidth)
    const left = analysis.operators.filter((op) => op.intensity !== null && op.intensity < intensity)
    const shareLeft = left.reduce((sum, op) => sum + op.share, 0)
    const largest = analysis.operators.reduce((a, b) => (b.share > a.share ? b : a))
    const waiting = analysis.operators.filter((op) => op.bound === 'latency').length
    return (
      `Roofline of ${analysis.model.name} on ${analysis.machine.name}: ${analysis.operators.length} operators under a peak of ` +
      `${format(peak, 'FLOP/s')} and a memory bandwidth of ${format(bandwidth, 'B/s')}, which meet at ${formatIntensity(intensity)}. ` +
      `${formatShare(shareLeft)} of the time lies left of that ridge. The largest operator is ${largest.id} ` +
      `(${classLabel(classOf(largest)).toLowerCase()}), ${formatShare(largest.share)} of the time at ${formatIntensity(largest.intensity)}.${waiting > 0 ? ` Latency binds ${waiting} operators: starting them takes longer than their work.` : ''}`
    )
  },
}
