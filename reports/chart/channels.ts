/** How operators look in every chart that draws them under roofs: colour and shape by class, area by share of the time. */
import {operatorClasses} from './classes.ts'
import {dotArea} from './layout.ts'

const labels = operatorClasses.map((c) => c.label)

export const color = {
  field: 'cls',
  type: 'nominal',
  title: null,
  scale: {domain: labels, range: operatorClasses.map((_, i) => ({expr: `theme.classes[${i}]`}))},
  legend: null,
} as const

export const shape = {
  field: 'cls',
  type: 'nominal',
  title: null,
  scale: {domain: labels, range: operatorClasses.map((c) => c.shape)},
  legend: null,
} as const

/** @param field the share, 0 to 1 */
export const size = (field: string) =>
  ({
    field,
    type: 'quantitative',
    scale: {domain: [0, 1], range: [dotArea(0), dotArea(1)]},
    legend: null,
  }) as const

/** A filled sign is set off from what lies under it. */
export const outline = {stroke: {value: {expr: 'theme.surface'}}, strokeWidth: {value: 1}} as const

/** A value that the layout has placed, px. */
export const at = (field: string) => ({value: {expr: `datum.${field}`}}) as const

/** A text on a halo of the background: two marks. */
export const haloed = (data: string) => {
  const text = {type: 'text', align: 'left', baseline: 'middle', angle: {expr: 'datum.angle || 0'}} as const
  const encoding = {x: at('x'), y: at('y'), text: {field: 'text', type: 'nominal'}} as const
  return [
    {
      data: {name: data},
      mark: {
        ...text,
        fill: {expr: 'theme.surface'},
        stroke: {expr: 'theme.surface'},
        strokeWidth: 4,
        strokeJoin: 'round',
        aria: false,
      },
      encoding,
    },
    {
      data: {name: data},
      mark: text,
      encoding: {
        ...encoding,
        // ceilings that the workload does not use stand back
        fill: {condition: {test: 'datum.relevant === false', value: {expr: 'theme.muted'}}, value: {expr: 'theme.ink'}},
      },
    },
  ] as const
}

/** From a text that stands away from what it names. */
export const leaders = (data: string) => ({
  data: {name: data},
  transform: [{filter: 'datum.leader'}],
  mark: {type: 'rule' as const, strokeWidth: 1, stroke: {expr: 'theme.muted'}, opacity: 0.7, aria: false},
  encoding: {x: at('fromX'), y: at('fromY'), x2: at('toX'), y2: at('toY')},
})
