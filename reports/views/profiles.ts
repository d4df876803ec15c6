/** Two profiles on one roofline: where each ceiling stood, and where it stands now. */
import {noiseOf} from '../../src/analysis/compare.ts'
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import type {Ceiling, Machine} from '../../src/analysis/document/machine.ts'
import {format, formatShare} from '../../src/analysis/units.ts'
import {blankAnalysis} from '../blank.ts'
import {comparisonSpec, emptyComparison, type Shift, shiftRows} from '../chart/comparison-spec.ts'
import type {SideLine} from '../chart/layout.ts'
import {type Frame, frameOf, type RoofLine, roofLines} from '../chart/roofs.ts'
import {bothFrames, extremes, stretchesOf} from '../chart/stretches.ts'
import {summaryOf} from '../profile.ts'
import type {View} from '../view.ts'

type Summary = Analysis['machine']

/** A line of the machine after, beside the one that means the same on the machine before. */
interface Matched {
  readonly line: RoofLine
  readonly before?: RoofLine | undefined
  readonly significant: boolean
  readonly unit: Ceiling['unit']
  /** what it limits: DRAM, f32 vector */
  readonly name: string
}

/** What a ceiling limits, whatever instructions and threads reach it. */
const roleOf = ({kind, level, engine, dtype, accumulate, sparsity}: Ceiling): string =>
  kind === 'bandwidth' ? `${level}` : [engine, dtype, accumulate === 'f16', sparsity].join()

const ceilingsOf = (line: RoofLine, {ceilings}: Summary): Ceiling[] =>
  ceilings.filter(({id}) => line.ceilings.includes(id))

const linesOf = (machine: Summary): RoofLine[] =>
  roofLines(blankAnalysis('ceilings', machine, 'f32')).map((line) => ({...line, relevant: true}))

function match(before: Summary, after: Summary): Matched[] {
  const olds = new Map(
    linesOf(before).flatMap((line) => ceilingsOf(line, before).map((c) => [roleOf(c), {line, c}] as const)),
  )
  return linesOf(after).map((line): Matched => {
    const own = ceilingsOf(line, after)
    const {unit} = own[0]!
    const name = line.label.replace(/ [^ ]+ [^ ]+$/, '')
    for (const c of own) {
      const old = olds.get(roleOf(c))
      if (!old) continue
      const ratio = line.value / old.line.value
      return {line, name, unit, before: old.line, significant: Math.max(ratio, 1 / ratio) - 1 > noiseOf(old.c, c)}
    }
    return {line, name, unit, significant: true}
  })
}

/** `+8.1 %`, `−12 %`; beyond a factor of two the factor. */
function by(before: number, after: number): string {
  const ratio = after / before
  if (ratio >= 2 || ratio <= 0.5) return `× ${Number(ratio.toPrecision(3))}`
  return `${ratio < 1 ? '−' : '+'}${formatShare(Math.abs(ratio - 1))}`
}

/** `37.5 → 20.6 GB/s`: a unit that both have is said once. */
function fromTo(before: number, after: number, unit: Ceiling['unit']): string {
  const [a, b] = [format(before, unit), format(after, unit)]
  const own = b.slice(b.indexOf(' '))
  return `${a.endsWith(own) ? a.slice(0, -own.length) : a} → ${b}`
}

function words({line, name, unit, before, significant}: Matched): string {
  if (!before) return `${line.label}, only after`
  if (!significant) return line.label
  return `${name} ${fromTo(before.value, line.value, unit)}, ${by(before.value, line.value)}`
}

/** Upright arrows, each at its own place of its line so that none lies on another. */
function shiftsOf(matched: readonly Matched[], frame: Frame): Shift[] {
  const {top, fastest} = extremes(matched.map(({line}) => line))
  const counts = {compute: 0, bandwidth: 0}
  return matched.flatMap(({line, before, significant}) => {
    if (!before || !significant) return []
    const step = counts[line.kind]++
    // the part that lies in the frame: of a level up to its knee, of a peak from it on
    const [from, to] =
      line.kind === 'compute'
        ? [Math.max(frame.x[0], line.value / fastest), frame.x[1]]
        : [Math.max(frame.x[0], frame.y[0] / line.value), Math.min(frame.x[1], top / line.value)]
    const intensity = from * (to / from) ** (0.3 + 0.5 * ((step * 0.37) % 1))
    const rate = (value: number) => (line.kind === 'compute' ? value : value * intensity)
    return [
      {
        fromIntensity: intensity,
        intensity,
        fromPerformance: rate(before.value),
        performance: rate(line.value),
      },
    ]
  })
}

const sidesOf = (before: Machine, after: Summary) => ({before: summaryOf(before), after})

export const profiles: View = {
  id: 'profiles',
  title: 'Ceilings before and after',
  spec: comparisonSpec,
  margins: () => ({left: 56, right: 14, top: 26, bottom: 44}),
  missing: (_analysis, more) => (more.machineBefore ? undefined : 'the page holds one profile, not two'),
  inputs({machine}, _state, more) {
    const own = frameOf(machine)
    if (!more?.machineBefore) return emptyComparison(own)
    const {before, after} = sidesOf(more.machineBefore, machine)
    const frame = bothFrames(own, frameOf(before))
    const matched = match(before, after)
    // what changed has the room first
    const news = matched.map((each) => ({...each.line, label: words(each), relevant: each.significant}))
    const kept = new Map(matched.flatMap((each) => (each.before ? [[each.before.id, each] as const] : [])))
    // the label of a line stands at its new place; one that is gone keeps its own
    const olds = stretchesOf(linesOf(before), frame)
      .filter(({id}) => kept.get(id)?.significant ?? true)
      .map((line): SideLine => {
        const label = kept.has(line.id) ? '' : `${line.label}, only before`
        return {...line, which: 'before', label, summary: `before: ${line.label}`, relevant: false}
      })
    const roofs: SideLine[] = [
      ...olds,
      ...stretchesOf(news, frame).map((line): SideLine => ({...line, which: 'after', summary: line.label})),
    ]
    return {
      signals: {frameX: frame.x, frameY: frame.y},
      data: {pairs: [], ...shiftRows(shiftsOf(matched, frame)), roofs, roofLabels: [], names: []},
    }
  },
  howToRead:
    'A dashed line is where a ceiling stood before, the solid one where it stands after; an arrow joins the two where the change is beyond the noise of both measurements. Slanted lines are memory levels, flat lines are arithmetic. Where no dashed line is beside a solid one, it stands where it stood.',
  assumptions: [
    'Each line is the best of its level, or of its type and engine, whatever instructions and however many threads reached it: the table compares ceilings of one name.',
    'A change counts beyond two standard deviations of the difference of the two measurements, and at least 2 %.',
  ],
  describe({machine}, more) {
    if (!more?.machineBefore) return 'One profile: 0 ceilings to compare.'
    const {before, after} = sidesOf(more.machineBefore, machine)
    const matched = match(before, after)
    const moved = matched.filter(({significant}) => significant)
    const count = `${moved.length} of ${matched.length} lines changed beyond their noise`
    return `${before.name} before, ${after.name} after: ${count}${moved.length > 0 ? `: ${moved.map(words).join('; ')}` : ''}.`
  },
}
