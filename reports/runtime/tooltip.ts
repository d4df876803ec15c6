/// <reference lib="dom" />
/** What a dot or a bar says when it is pointed at. */
import type {PlacedPoint} from '../../src/analysis/document/placement.ts'
import {type BaseUnit, format, formatCount, formatShare, rateUnit} from '../../src/analysis/units.ts'
import {formatIntensity, pointsOf} from '../chart/points.ts'
import {frameOf} from '../chart/roofs.ts'
import {attainableOf, type Operator, type ReportDocument} from '../document.ts'
import {h} from './dom.ts'
import {bytesByTensor, provenanceOf, shapeText} from './words.ts'

/** Other operators that stand at the same place of the chart, within a tenth of a percent. */
function sameSpot(op: Operator, document: ReportDocument): string[] {
  if (op.flops === 0) return []
  const points = pointsOf(document.result, frameOf(document.result.machine), [])
  const own = points.find((point) => point.id === op.id)
  const near = (a: number, b: number) => Math.abs(a / b - 1) < 1e-3
  return points
    .filter((p) => own && p.id !== own.id && near(p.intensity, own.intensity) && near(p.performance, own.performance))
    .map((p) => p.id)
}

function row(term: string, value: string): Node[] {
  return [h('dt', {}, term), h('dd', {}, value)]
}

/** What was measured of an operator beside what its roof allows. */
const achieved = (point: PlacedPoint, unit: BaseUnit): string =>
  [
    point.achieved === null ? format(point.seconds, 's') : format(point.achieved, unit),
    `${formatShare(point.efficiency)} of its roof`,
    ...(point.verdict === 'ok' ? [] : [point.verdict]),
  ].join(', ')

/** The content of the tooltip of an operator, with its measurement where there is one. */
export function describeOperator(
  op: Operator,
  document: ReportDocument,
  points: readonly PlacedPoint[] = [],
): HTMLElement {
  const point = points.find(({name}) => name === op.id)
  const others = sameSpot(op, document)
  const attainable = attainableOf(op, document.result.machine.ceilings)
  const unit = rateUnit(point?.dtype ?? op.computes)
  return h(
    'div',
    {},
    h('strong', {}, op.id),
    h(
      'dl',
      {},
      ...row('Kind', op.repeat > 1 ? `${op.kind}, ${formatCount(op.repeat)} times` : op.kind),
      ...row('Shape', shapeText(op)),
      ...row('FLOPs', `${format(op.flops, 'FLOP')}  (${op.formula})`),
      ...row('Bytes', bytesByTensor(op)),
      ...row('Intensity', formatIntensity(op.intensity)),
      ...row('Attainable', op.flops > 0 ? format(attainable, unit) : 'no FLOPs'),
      ...(op.flops > 0 && op.time.upper > 0
        ? row('Predicted', `${format(op.flops / op.time.upper, unit)} to ${format(attainable, unit)}`)
        : []),
      ...(point ? row('Achieved', achieved(point, unit)) : []),
      ...row('Bound by', provenanceOf(op.bound, document.result)),
      ...row('Time of one', `${format(op.time.lower, 's')} to ${format(op.time.upper, 's')} (bounds)`),
      ...row('Share', formatShare(op.share)),
    ),
    others.length > 0 && h('p', {}, `At the same place: ${others.join(', ')}`),
  )
}

/** One tooltip for the page, kept inside the window. */
export class Tooltip {
  readonly #element = h('div', {class: 'tooltip', role: 'tooltip', hidden: true})

  constructor(parent: HTMLElement) {
    parent.append(this.#element)
  }

  show(content: HTMLElement, x: number, y: number): void {
    const tip = this.#element
    tip.replaceChildren(content)
    tip.hidden = false
    const {width, height} = tip.getBoundingClientRect()
    const left = x + 16 + width > innerWidth ? x - 16 - width : x + 16
    const top = Math.min(y + 12, innerHeight - height - 8)
    tip.style.left = `${Math.max(8, left)}px`
    tip.style.top = `${Math.max(8, top)}px`
  }

  hide(): void {
    this.#element.hidden = true
  }
}
