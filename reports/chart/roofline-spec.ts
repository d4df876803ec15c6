/** The picture of the roofline: structure alone, its rows come later. */
import type {TopLevelSpec} from 'vega-lite'
import {decades, fineDecades, si, ticks} from './axes.ts'
import {at, color, haloed, leaders, outline, shape, size} from './channels.ts'
import {operatorClasses} from './classes.ts'
import {chartConfig, themeParam} from './config.ts'
import {dotArea, NARROW_PLOT, RIDGE_FOOT, RIDGE_ROOM} from './layout.ts'
import {GUTTER} from './roof-labels.ts'

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
const legend = {columns: {expr: 'width < 500 ? 2 : 5'}, values: {expr: 'present'}} as const
const signs = {color: {...color, legend}, shape: {...shape, legend}, size: size('share'), ...outline} as const
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
/**
 * The name of a zone right of the ridge, px above the bottom; where that is too narrow it stands on the ridge's other side, higher.
 */
const zone = (text: string, up: number, upNarrow: number) => {
  const wide = `width - scale('x', datum.intensity) > ${RIDGE_ROOM}`
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
/** Words left of the ridge, px above the bottom; on its other side, higher, where that is too narrow for them. */
const leftOfRidge = (text: {value: string} | {field: string; type: 'nominal'}, up: number, upNarrow: number) => {
  const wide = `scale('x', datum.intensity) > ${RIDGE_ROOM}`
  return {
    data: {name: 'ridge'},
    mark: {
      type: 'text' as const,
      clip: true,
      align: {expr: `${wide} ? 'right' : 'left'`},
      dx: {expr: `${wide} ? -6 : 6`},
      baseline: 'bottom' as const,
      y: {expr: `height - (${wide} ? ${up} : ${upNarrow})`},
      fill: {expr: 'theme.muted'},
      // the name of a zone repeats what the words beside the chart say
      aria: 'field' in text,
    },
    encoding: {x, text},
  }
}
export const rooflineSpec: TopLevelSpec = {
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
    {name: 'present', value: operatorClasses.map((c) => c.label)},
  ],
  layer: [
    {
      data: {name: 'ridge'},
      mark: {
        type: 'rule',
        clip: true,
        strokeDash: [2, 4],
        stroke: {expr: 'theme.muted'},
        aria: false,
        y: {expr: `width < ${NARROW_PLOT} ? height - ${RIDGE_FOOT} : scale('y', datum.performance)`},
        y2: {expr: 'height'},
      },
      encoding: {x},
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
    leftOfRidge({value: '◄ memory-bound'}, 5, 37),
    zone('compute-bound ►', 5, 37),
    zone('latency-bound ▼', 21, 53),
    leftOfRidge({field: 'label', type: 'nominal'}, 21, 53),
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
      encoding: {x, y, y2: {field: 'worst'}, color: signs.color, opacity: fading(0.7)},
    },
    {
      data: {name: 'joints'},
      mark: {type: 'rule', clip: true, strokeWidth: 1.5, stroke: {expr: 'theme.ink'}, aria: false},
      encoding: {x, y, y2: {field: 'attainable'}},
    },
    {
      data: {name: 'joints'},
      mark: {type: 'tick', clip: true, width: 12, thickness: 2, stroke: {expr: 'theme.ink'}, aria: false},
      encoding: {x, y: {...y, field: 'attainable'}},
    },
    {
      data: {name: 'runs'},
      mark: {
        type: 'point',
        clip: true,
        // hollow, and still there for the pointer
        filled: false,
        fill: 'transparent',
        strokeWidth: 2,
      },
      encoding: {
        x,
        y,
        color: signs.color,
        shape: signs.shape,
        size: signs.size,
        opacity: fading(1),
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
        ...signs,
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
        ...signs,
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
    leaders('names'),
    leaders('roofLabels'),
    {
      // which of the lines the text belongs to
      data: {name: 'roofLabels'},
      transform: [{filter: 'datum.leader'}],
      mark: {type: 'point', filled: true, size: 22, opacity: 1, fill: {expr: 'theme.ink'}, aria: false},
      encoding: {x: at('fromX'), y: at('fromY')},
    },
    ...haloed('roofLabels'),
    ...haloed('names'),
  ],
}
