/** The log-log roofline: every ceiling a line, every operator a dot. */
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import type {PlacedPoint} from '../../src/analysis/document/placement.ts'
import {format, formatShare} from '../../src/analysis/units.ts'
import {classLabel, classOf, operatorClasses} from '../chart/classes.ts'
import {formatIntensity, gutterOf, levelPointsOf, movesOf, pointsOf} from '../chart/points.ts'
import {rooflineSpec} from '../chart/roofline-spec.ts'
import {type Frame, frameOf, mainRidge, roofLines} from '../chart/roofs.ts'
import {placedRuns, runsOf} from '../chart/runs.ts'
import {stretchesOf} from '../chart/stretches.ts'
import type {View, ViewMore, ViewState} from '../view.ts'

/** A page of points alone: what was measured under which roof. */
function describePoints(
  {model, machine}: Analysis,
  points: readonly PlacedPoint[],
  {peak, unit, bandwidth}: Pick<ReturnType<typeof mainRidge>, 'peak' | 'unit' | 'bandwidth'>,
): string {
  const most = [...points].sort((a, b) => b.seconds - a.seconds).slice(0, 3)
  return (
    `Roofline of ${model.name} on ${machine.name}, under a peak of ${format(peak, unit)} and a memory bandwidth of ` +
    `${format(bandwidth, 'B/s')}: ${most.map((p) => `${p.name} reaches ${formatShare(p.efficiency)} of its roof`).join(', ')}` +
    `${points.length > most.length ? '; these take the most time' : ''}. A filled sign is what the roof allows, the hollow one joined to it what was measured.`
  )
}

/** Beyond this many runs no joint can be told from its neighbours, and drawing them takes most of a frame. */
const MOST_JOINTS = 2000

/** Measured points of the classes and names that the reader wants to see. */
function shownRuns(analysis: Analysis, state: ViewState, more: ViewMore | undefined, frame: Frame) {
  const search = state.search.trim().toLowerCase()
  return [...runsOf(more?.runs ?? [], frame), ...placedRuns(more?.points ?? [], frame, analysis.operators)]
    .filter((run) => !state.hidden.includes(run.classId) && (state.isolated === '' || run.id === state.isolated))
    .map((run) => ({...run, faded: search !== '' && !run.id.toLowerCase().includes(search)}))
}

export const roofline: View = {
  id: 'roofline',
  title: 'Roofline',
  spec: rooflineSpec,
  margins: () => ({left: 56, right: 14, top: 26, bottom: 44}),
  inputs(analysis, state, more) {
    const frame = frameOf(analysis.machine)
    const lines = roofLines(analysis).filter(
      (line) =>
        state.ceilings.includes(line.id) &&
        (state.level === '' || line.kind === 'compute' || line.level === state.level),
    )
    const {peak, intensity} = mainRidge(analysis, state.level)
    const dots = pointsOf(analysis, frame, state.hidden, state)
    const gutter = gutterOf(analysis, state.hidden, state.isolated)
    const runs = shownRuns(analysis, state, more, frame)
    const classes = new Set([...dots, ...gutter, ...runs].map(({cls}) => cls))
    return {
      signals: {
        frameX: frame.x,
        frameY: frame.y,
        present: operatorClasses.map((c) => c.label).filter((label) => classes.has(label)),
      },
      data: {
        lines: stretchesOf(lines, frame),
        ridge: [
          {
            intensity,
            performance: peak,
            label: `${state.level} ridge ${formatIntensity(intensity)}`.trim(),
          },
        ],
        dots,
        gutter,
        levelPoints: state.levels ? levelPointsOf(analysis, frame) : [],
        runs,
        joints: runs.length > MOST_JOINTS ? [] : runs,
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
    'Each dot is one operator, its shape the kind. The slanted lines are memory levels, the flat lines are arithmetic: an operator can be no higher than the lowest line above its intensity. Under a slanted line it waits for memory, and moving fewer bytes helps; under a flat line it waits for arithmetic; far below both it waits for neither, but for its start, for steps one after another or for too little work to fill the machine: latency. A dot’s area is its share of the time, so look at the large ones first. The tail below a dot reaches down to the rate without any overlap of memory and arithmetic. Dots in the strip at the left only move data. A hollow sign is a run that was measured, shaped by its kind too and joined to the tick that its roof allows. Lines are solid where measured, dashed where a datasheet states them, dotted where derived.',
  assumptions: [
    'A dot stands at the highest rate that the ceilings allow: a bound from the model, not a measurement.',
    'Bytes are compulsory traffic at the outermost memory level: every tensor is read once and written once.',
    'The frame depends on the machine alone, so that two reports of one machine can be compared; an arrow marks a dot beyond it.',
  ],
  describe(analysis, more) {
    const ridge = mainRidge(analysis)
    const {peak, unit, bandwidth, intensity} = ridge
    if (more?.subject === 'points') return describePoints(analysis, more.points ?? [], ridge)
    if (analysis.operators.length === 0)
      return (
        `Roofline of ${analysis.machine.name}: a peak of ${format(peak, unit)} and a memory bandwidth of ` +
        `${format(bandwidth, 'B/s')}, which meet at ${formatIntensity(intensity)}.`
      )
    const left = analysis.operators.filter((op) => op.intensity !== null && op.intensity < intensity)
    const shareLeft = left.reduce((sum, op) => sum + op.share, 0)
    const largest = analysis.operators.reduce((a, b) => (b.share > a.share ? b : a))
    const waiting = analysis.operators.filter((op) => op.bound === 'latency').length
    return (
      `Roofline of ${analysis.model.name} on ${analysis.machine.name}: ${analysis.operators.length} operators under a peak of ` +
      `${format(peak, unit)} and a memory bandwidth of ${format(bandwidth, 'B/s')}, which meet at ${formatIntensity(intensity)}. ` +
      `${formatShare(shareLeft)} of the time lies left of that ridge. The largest operator is ${largest.id} ` +
      `(${classLabel(classOf(largest)).toLowerCase()}), ${formatShare(largest.share)} of the time at ${formatIntensity(largest.intensity)}.${waiting > 0 ? ` Latency binds ${waiting} operators: starting them takes longer than their work.` : ''}`
    )
  },
}
