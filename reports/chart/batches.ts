/** One pass at growing batch sizes: what throughput and latency do, and where the bound changes. */
import {evaluateModel} from '../../src/analysis/analyze.ts'
import {AnalysisError} from '../../src/analysis/errors.ts'
import {partsOfTime, takesOver, weightShare} from '../../src/analysis/knee.ts'
import {type ModelDef, traitsOf} from '../../src/analysis/models/types.ts'
import {prepareRoof, type Roof} from '../../src/analysis/roofline.ts'
import {format, formatCount, formatShare} from '../../src/analysis/units.ts'
import {type Phase, resolveWorkload, type Workload} from '../../src/analysis/workload.ts'
import {optionsOf, type Source} from '../live/source.ts'

export interface BatchRow {
  readonly phase: string
  readonly batch: number
  /** tokens per second of all devices, or samples where a sample is no sequence */
  readonly rate: number
  /** seconds of the pass */
  readonly latency: number
  readonly fits: boolean
  readonly summary: string
}

/** A batch at which something changes. */
export interface BatchMark {
  readonly phase: string
  readonly batch: number
  /** `ridge`: arithmetic binds the pass from here on; `knee`: reading weights takes no more than half of it */
  readonly kind: 'ridge' | 'knee'
  readonly label: string
}

export interface BatchSweep {
  readonly rows: readonly BatchRow[]
  readonly marks: readonly BatchMark[]
  /** for each phase: where its knee is and what takes over, or why it has none in the range */
  readonly knees: readonly string[]
  readonly unit: 'Tokens' | 'Samples'
  /** what the lines are, in words */
  readonly sizes: string
}

export const LARGEST = 1024
const batches = Array.from({length: Math.log2(LARGEST) + 1}, (_, i) => 2 ** i)

interface Pass {
  readonly phase: Phase
  readonly seq: number
  readonly context: number
}

/** Prefill of the prompt and decode behind it; other models have one pass. */
function passesOf(model: ModelDef, work: Workload): Pass[] {
  const {generates, positions} = traitsOf(model)
  const {phase, seq, context} = work
  if (!generates || work.phase === 'train') return [{phase, seq, context}]
  const decode = phase === 'decode'
  const prompt = decode ? Math.max(1, Math.min(context, positions ?? context)) : seq
  return [
    {phase: 'prefill', seq: prompt, context: decode ? 0 : context},
    {phase: 'decode', seq: decode ? seq : 1, context: decode ? context : context + seq},
  ]
}

const kindOf = (roof: Roof, bound: string | null) => roof.machine.ceilings.find((c) => c.id === bound)?.kind

const sweeps = new WeakMap<Source, BatchSweep>()

/** Why there is no sweep; `undefined` where there is one. */
export function noBatches(source: Source | undefined): string | undefined {
  if (!source) return 'the page does not know what the document was computed from'
  const fixed = traitsOf(source.model).batch
  return fixed === undefined ? undefined : `the sizes of this model are for ${formatCount(fixed)} samples`
}

/** What takes over from the weights, as the subject of a sentence and as a label. */
const successors = {
  cache: 'the KV cache',
  activations: 'the activations',
  arithmetic: 'arithmetic',
  latency: 'starting operators',
} as const satisfies Record<ReturnType<typeof takesOver>, string>

/** What a phase costs at one batch. */
interface Run {
  readonly rate: number
  readonly latency: number
  readonly fits: boolean
  /** arithmetic binds the pass */
  readonly compute: boolean
  readonly parts: ReturnType<typeof partsOfTime>
}

/** The first batch of two neighbours of a sweep at which something holds that holds at the larger alone. */
function between(holds: (batch: number) => boolean, low: number, high: number): number {
  let [no, yes] = [low, high]
  while (yes - no > 1) {
    const middle = (no + yes) >> 1
    if (holds(middle)) yes = middle
    else no = middle
  }
  return yes
}

const isShared = ({parts}: Run): boolean => weightShare(parts) <= 0.5

/** The knee of a phase in words. */
function kneeWords(phase: string, first: Run, knee: {batch: number; run: Run} | undefined, last: number): string {
  const name = `${phase.slice(0, 1).toUpperCase()}${phase.slice(1)}`
  if (knee)
    return `${name} has its knee at batch ${formatCount(knee.batch)}: below it reading the weights takes most of the pass and a larger batch is almost free; from there on ${successors[takesOver(knee.run.parts)]} takes over`
  if (isShared(first))
    return `${name} has no knee: at batch 1 already ${successors[takesOver(first.parts)]} takes more of the pass than reading the weights (${formatShare(weightShare(first.parts))})`
  return `${name} has no knee up to batch ${formatCount(last)}: reading the weights takes most of the pass, and a larger batch is almost free`
}

/** Runs the engine at batches 1, 2, 4 … 1,024, and between two of them where the bound changes. Kept per source. */
export function batchSweep(source: Source): BatchSweep {
  const known = sweeps.get(source)
  if (known) return known
  const {model, machine, workload} = source
  const roof = prepareRoof(machine, source.fixed.launchOverhead)
  const sequence = traitsOf(model).positions !== null
  const rows: BatchRow[] = []
  const marks: BatchMark[] = []
  const knees: string[] = []
  const passes = passesOf(model, workload)
  for (const {phase, seq, context} of passes) {
    const runs = new Map<number, Run>()
    const run = (batch: number): Run => {
      const made = runs.get(batch)
      if (made) return made
      const options = {...optionsOf(model, {...workload, phase, seq, context, batch}), ...source.fixed}
      const evaluation = evaluateModel(model, resolveWorkload(model, options), roof)
      const latency = evaluation.time.lower
      const replicas = workload.count / workload.tp
      const rate = (batch * replicas * (sequence ? seq : 1)) / latency
      const fits = machine.memory === undefined || evaluation.memory.peak <= machine.memory.capacity
      const compute = kindOf(roof, evaluation.bound) === 'compute'
      const parts = partsOfTime(evaluation.operators, (bound) => kindOf(roof, bound))
      const fresh: Run = {rate, latency, fits, compute, parts}
      runs.set(batch, fresh)
      return fresh
    }
    let last: number | undefined
    let knee: {batch: number; run: Run} | undefined
    let ridge: number | undefined
    for (const batch of batches) {
      let found: Run
      try {
        found = run(batch)
      } catch (error) {
        // counts beyond 2^53: the sweep ends at the last batch that can be counted
        if (error instanceof AnalysisError) break
        throw error
      }
      const {rate, latency, fits} = found
      const per = sequence ? 'tokens/s' : 'samples/s'
      const summary = `${phase}, batch ${formatCount(batch)}: at most ${format(rate, '')} ${per}, at least ${format(latency, 's')}${fits ? '' : ', does not fit'}`
      rows.push({phase, batch, rate, latency, fits, summary})
      if (last !== undefined) {
        const before = run(last)
        if (ridge === undefined && !before.compute && found.compute) ridge = between((b) => run(b).compute, last, batch)
        if (knee === undefined && !isShared(before) && isShared(found)) {
          const at = between((b) => isShared(run(b)), last, batch)
          knee = {batch: at, run: run(at)}
        }
      }
      last = batch
    }
    if (ridge !== undefined && ridge === knee?.batch)
      marks.push({phase, batch: ridge, kind: 'ridge', label: `ridge and knee at batch ${formatCount(ridge)}`})
    else {
      if (ridge !== undefined)
        marks.push({phase, batch: ridge, kind: 'ridge', label: `ridge at batch ${formatCount(ridge)}`})
      if (knee) marks.push({phase, batch: knee.batch, kind: 'knee', label: `knee at batch ${formatCount(knee.batch)}`})
    }
    if (last !== undefined) knees.push(kneeWords(phase, run(1), knee, last))
  }
  const sizes = passes
    .map(({phase, seq, context}) =>
      phase === 'decode'
        ? `decode at context ${formatCount(context)}`
        : sequence
          ? `${phase} of ${formatCount(seq)} tokens`
          : phase,
    )
    .join(', ')
  const sweep: BatchSweep = {rows, marks, knees, unit: sequence ? 'Tokens' : 'Samples', sizes}
  sweeps.set(source, sweep)
  return sweep
}

/** A sweep of nothing: what a page without an engine shows. */
export const noSweep: BatchSweep = {rows: [], marks: [], knees: [], unit: 'Tokens', sizes: ''}
