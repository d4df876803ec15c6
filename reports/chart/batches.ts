/** One pass at growing batch sizes: what throughput and latency do, and where the bound changes. */
import {evaluateModel} from '../../src/analysis/analyze.ts'
import {AnalysisError} from '../../src/analysis/errors.ts'
import {type ModelDef, traitsOf} from '../../src/analysis/models/types.ts'
import {prepareRoof, type Roof} from '../../src/analysis/roofline.ts'
import {format} from '../../src/analysis/units.ts'
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

export interface BatchRidge {
  readonly phase: string
  readonly batch: number
  readonly rate: number
  readonly latency: number
  readonly label: string
}

export interface BatchSweep {
  readonly rows: readonly BatchRow[]
  /** the first batch that arithmetic binds, where memory binds the smaller ones */
  readonly ridges: readonly BatchRidge[]
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
  return fixed === undefined ? undefined : `the sizes of this model are for ${fixed} samples`
}

/** Runs the engine at batches 1, 2, 4 … 1,024, and between two of them where the bound changes. Kept per source. */
export function batchSweep(source: Source): BatchSweep {
  const known = sweeps.get(source)
  if (known) return known
  const {model, machine, workload} = source
  const roof = prepareRoof(machine, source.fixed.launchOverhead)
  const sequence = traitsOf(model).positions !== null
  const rows: BatchRow[] = []
  const ridges: BatchRidge[] = []
  const passes = passesOf(model, workload)
  for (const {phase, seq, context} of passes) {
    const run = (batch: number) => {
      const options = {...optionsOf(model, {...workload, phase, seq, context, batch}), ...source.fixed}
      const evaluation = evaluateModel(model, resolveWorkload(model, options), roof)
      const latency = evaluation.time.lower
      const replicas = workload.count / workload.tp
      const rate = (batch * replicas * (sequence ? seq : 1)) / latency
      const fits = machine.memory === undefined || evaluation.memory.peak <= machine.memory.capacity
      return {rate, latency, fits, compute: kindOf(roof, evaluation.bound) === 'compute'}
    }
    let last: {batch: number; compute: boolean} | undefined
    for (const batch of batches) {
      let found: ReturnType<typeof run>
      try {
        found = run(batch)
      } catch (error) {
        // counts beyond 2^53: the sweep ends at the last batch that can be counted
        if (error instanceof AnalysisError) break
        throw error
      }
      const {compute, ...row} = found
      const per = sequence ? 'tokens/s' : 'samples/s'
      const summary = `${phase}, batch ${batch}: at most ${format(row.rate, '')} ${per}, at least ${format(row.latency, 's')}${row.fits ? '' : ', does not fit'}`
      rows.push({phase, batch, ...row, summary})
      if (last && !last.compute && compute) {
        let [low, high] = [last.batch, batch]
        while (high - low > 1) {
          const middle = (low + high) >> 1
          if (run(middle).compute) high = middle
          else low = middle
        }
        const at = run(high)
        ridges.push({phase, batch: high, rate: at.rate, latency: at.latency, label: `ridge at batch ${high}`})
      }
      last = {batch, compute}
    }
  }
  const sizes = passes
    .map(({phase, seq, context}) =>
      phase === 'decode' ? `decode at context ${context}` : sequence ? `${phase} of ${seq} tokens` : phase,
    )
    .join(', ')
  const sweep: BatchSweep = {rows, ridges, unit: sequence ? 'Tokens' : 'Samples', sizes}
  sweeps.set(source, sweep)
  return sweep
}
