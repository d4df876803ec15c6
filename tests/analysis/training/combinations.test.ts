/** Options of training together, at random: a valid step, or a refusal that names a flag. */
import fc from 'fast-check'
import {expect, it} from 'vitest'
import {analyzeModel} from '../../../src/analysis/analyze.ts'
import {analysisSchema} from '../../../src/analysis/document/analysis.ts'
import {AnalysisError} from '../../../src/analysis/errors.ts'
import {validateGraph} from '../../../src/analysis/graph.ts'
import {machines} from '../../../src/analysis/machines/index.ts'
import {models} from '../../../src/analysis/models/index.ts'
import {buildGraph, type ModelDef, traitsOf} from '../../../src/analysis/models/types.ts'
import {reshape} from '../../../src/analysis/passes/compress.ts'
import {stepOf, type TrainingWork} from '../../../src/analysis/training/evaluate.ts'
import {resolveWorkload, type WorkloadOptions} from '../../../src/analysis/workload.ts'

const all: readonly ModelDef[] = Object.values(models)
const maybe = <T>(value: T) => fc.constantFrom(undefined, undefined, value)

const question = fc
  .record({
    model: fc.constantFrom(...all),
    taught: fc.constantFrom(false, false, true),
    adapted: fc.constantFrom({}, {}, {lora: 4}, {lora: 4, loraOn: ['q', 'v']}),
    options: fc.record({
      fusion: fc.constantFrom('none', 'elementwise', 'attention', 'all'),
      recompute: fc.constantFrom('none', 'selective', 'full', 'reversible'),
      optimizer: fc.constantFrom('adamw', 'sgd', 'adafactor'),
      convAlgorithm: fc.constantFrom('direct', 'im2col', 'winograd'),
      dtype: fc.constantFrom('f32', 'bf16'),
      dropout: maybe(true),
      freeze: maybe(['embed']),
      offload: maybe(1e9),
      prune: maybe('channels:0.25'),
      lowRank: maybe('32'),
    }),
  })
  .map(({model, taught, adapted, options}) => {
    const sizes = traitsOf(model).positions === null ? {} : {seq: 16}
    const asked = {phase: 'train', ...sizes, ...options, ...adapted, ...(taught ? {teacher: model} : {})}
    return {model, options: asked as WorkloadOptions}
  })

/** What a run answers; `null` where it refuses with a flag's name. */
function answer<T>(run: () => T): T | null {
  try {
    return run()
  } catch (error) {
    if (error instanceof AnalysisError && error.code === 'bad-flag' && error.message.startsWith('--')) return null
    throw error
  }
}

it('give valid graphs whose products are at most three times those of forward', () => {
  let answered = 0
  fc.assert(
    fc.property(question, ({model, options}) => {
      const work = resolveWorkload(model, options) as TrainingWork
      const graph = () => {
        const built = buildGraph(model, work)
        return work.compression ? reshape(built, work.compression, true) : built
      }
      const step = answer(() => stepOf(model, graph(), work, work.fusion, graph))
      if (!step) return
      answered++
      validateGraph(step.graph)
      expect(step.macs.step).toBeLessThanOrEqual(3 * step.macs.forward)
      const {weights, gradients, optimizer, activations, peak} = step.memory
      expect(peak).toBe(weights + gradients + optimizer + activations)
    }),
    {numRuns: 200},
  )
  expect(answered).toBeGreaterThan(80)
})

it('give documents that keep their schema', () => {
  fc.assert(
    fc.property(question, ({model, options}) => {
      const result = answer(() => analyzeModel(model, machines['h100-sxm'], options).result)
      if (result) expect(() => analysisSchema.parse(JSON.parse(JSON.stringify(result)))).not.toThrow()
    }),
    {numRuns: 15},
  )
})
