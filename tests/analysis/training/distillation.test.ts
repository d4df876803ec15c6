/** Distillation: a teacher's forward pass and a student's step in one analysis. */
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {sourceOf} from '../../../reports/live/source.ts'
import {analyzeModel} from '../../../src/analysis/analyze.ts'
import {analysisSchema} from '../../../src/analysis/document/analysis.ts'
import {validateGraph} from '../../../src/analysis/graph.ts'
import {machines} from '../../../src/analysis/machines/index.ts'
import {models} from '../../../src/analysis/models/index.ts'
import {buildGraph, type ModelDef} from '../../../src/analysis/models/types.ts'
import {crossEntropy} from '../../../src/analysis/ops/cross-entropy.ts'
import {distillationLoss, SOFT_SHARE, TEMPERATURE} from '../../../src/analysis/ops/distillation-loss.ts'
import {stepOf, type TrainingWork} from '../../../src/analysis/training/evaluate.ts'
import {trainingOptions} from '../../../src/analysis/training/options.ts'
import {resolveWorkload, type WorkloadOptions} from '../../../src/analysis/workload.ts'
import {failure} from '../support/failure.ts'

const h100 = machines['h100-sxm']
const all: Readonly<Record<string, ModelDef>> = models

const analyze = (student: ModelDef, options: WorkloadOptions) =>
  analyzeModel(student, h100, {phase: 'train', ...options}).result

function step(student: ModelDef, options: WorkloadOptions) {
  const work = resolveWorkload(student, {phase: 'train', ...options}) as TrainingWork
  const graph = () => buildGraph(student, {...work, tp: 1})
  return stepOf(student, buildGraph(student, work), work, work.fusion, graph)
}

const pairs: readonly (readonly [string, string, WorkloadOptions])[] = [
  ['resnet18', 'resnet152', {batch: 4}],
  ['mobilenet-v2', 'vit-b-16', {batch: 2}],
  ['gpt2', 'gpt2', {seq: 32}],
  ['llama-3-8b', 'llama-3-70b', {seq: 32, tp: 2}],
  ['mixtral-8x7b', 'mistral-7b', {seq: 32}],
]

describe.each(pairs)('%s learning from %s', (student, teacher, sizes) => {
  const options = {...sizes, teacher: all[teacher]!}

  it('is a valid graph at every fusion level, the teacher before the student', () => {
    for (const fusion of ['none', 'elementwise', 'attention', 'all'] as const) {
      for (const recompute of ['none', 'full']) {
        const {graph} = step(all[student]!, {...options, fusion, recompute})
        validateGraph(graph)
        const theirs = graph.nodes.map(({id}) => id.startsWith('teacher.'))
        expect(theirs.lastIndexOf(true)).toBe(theirs.filter(Boolean).length - 1)
        expect(graph.nodes.filter(({id}) => /^teacher\..*(grad|recompute|accumulate)/.test(id))).toEqual([])
      }
    }
  })

  it('adds the forward pass of the teacher, and to the step of the student another loss alone', () => {
    const [alone, both] = [step(all[student]!, sizes), step(all[student]!, options)]
    const forward = {...options, teacher: undefined, phase: undefined, logits: 'all' as const}
    const theirs = analyzeModel(all[teacher]!, h100, {...forward, dtype: all[teacher]!.dtype}).result
    expect(both.loss).toBe('distillation')
    expect(both.trainable).toBe(alone.trainable)
    expect(both.macs).toEqual(alone.macs)
    expect(both.flops.teacher).toBe(theirs.totals.flops)
    for (const part of ['weights', 'optimizer', 'recomputed'] as const) expect(both.flops[part]).toBe(alone.flops[part])
    const {rows, classes} = both.graph.nodes.find(({id}) => id === 'loss')!.dims as {rows: number; classes: number}
    expect(both.flops.forward - alone.flops.forward).toBe(15 * rows * classes + 6 * rows)
    expect(both.flops.data - alone.flops.data).toBe(9 * rows * classes)
  })

  it('keeps the weights of the teacher in its own type, no gradient and no state of them, of its activations the logits', () => {
    const [alone, both] = [step(all[student]!, sizes), step(all[student]!, options)]
    const {memory: here} = analyzeModel(all[teacher]!, h100, {...sizes, dtype: all[teacher]!.dtype}).result.totals
    expect(both.memory.weights - alone.memory.weights).toBe(here.weights)
    expect(both.memory.gradients).toBe(alone.memory.gradients)
    expect(both.memory.optimizer).toBe(alone.memory.optimizer)
    const theirs = both.saved.filter(({operator}) => operator.startsWith('teacher.'))
    expect(theirs).toHaveLength(1)
    expect(theirs[0]!.dtype).toBe(all[teacher]!.dtype)
  })
})

describe('the document', () => {
  it('keeps its schema, names the teacher, and its workload asks the same again', () => {
    const options = {seq: 64, batch: 2, teacher: models['llama-3-70b'], teacherDtype: 'fp8'} as const
    const result = analyze(models['llama-3-8b'], options)
    expect(() => analysisSchema.parse(JSON.parse(JSON.stringify(result)))).not.toThrow()
    expect(result.training!.teacher).toEqual({
      ...{id: 'llama-3-70b', name: models['llama-3-70b'].name, dtype: 'fp8'},
      ...{parameters: 70_553_706_496, weights: 70_553_706_496},
    })
    const operators = result.operators.filter(({id}) => id.startsWith('teacher.'))
    expect(operators.length).toBeGreaterThan(5)
    expect(
      new Set(operators.flatMap(({reads}) => reads.filter(({role}) => role === 'weight').map(({dtype}) => dtype))),
    ).toEqual(new Set(['fp8']))
    const {training} = resolveWorkload(models['llama-3-8b'], {phase: 'train', ...options})
    const again = resolveWorkload(models['llama-3-8b'], {phase: 'train', ...options, ...trainingOptions(training)})
    expect(again.training).toEqual(training)
    expect(result.assumptions.join('\n')).toMatch(/distillation.*\n.*|teacher runs forward only/)
  })
})

describe('the page', () => {
  it('repeats the analysis from its document alone: live controls work', () => {
    const {result, warnings} = analyzeModel(models.resnet18, h100, {phase: 'train', teacher: models.resnet50})
    const document = JSON.parse(JSON.stringify({schema: 'ridgepoint/analysis@1', ok: true, result, warnings}))
    expect(sourceOf(document).reason).toBeUndefined()
  })
})

describe('a pair that does not fit', () => {
  const refused = (student: ModelDef, options: WorkloadOptions) => failure(() => analyze(student, options))

  it('of other vocabularies is refused with both sizes', () => {
    const {code, message} = refused(models.gpt2, {seq: 8, teacher: models['llama-3-8b']})
    expect(code).toBe('bad-dimension')
    expect(message).toMatch(/llama-3-8b gives 128256 classes, gpt2 50257/)
  })

  it.each([
    [models.gpt2, models.resnet50, /resnet50 reads images, gpt2 reads tokens/],
    [models.gpt2, models['bert-base'], /bert-base has no logits/],
    [models['bert-base'], models.gpt2, /bert-base \(the student\) has no logits/],
    [models.unet, models.resnet50, /unet \(the student\) has no logits/],
    [models['logistic-regression'], models.resnet50, /resnet50 gives 1000 classes, logistic-regression 10/],
  ] as [ModelDef, ModelDef, RegExp][])('is refused', (student, teacher, message) => {
    expect(refused(student, {teacher}).message).toMatch(message)
  })

  it('is refused outside training, and a type without a teacher', () => {
    expect(() => resolveWorkload(models.gpt2, {teacher: models.gpt2})).toThrow(/--teacher does not apply to prefill/)
    expect(() => resolveWorkload(models.gpt2, {phase: 'train', teacherDtype: 'fp8'})).toThrow(/there is none/)
  })
})

describe('the loss', () => {
  const numbers = fc.array(fc.double({min: -4, max: 4, noNaN: true}), {minLength: 10, maxLength: 10})
  const dims = {rows: 2, classes: 5}
  const targets = Float64Array.of(1, 4)

  it('is cross-entropy alone where student and teacher agree, and more where they do not', () => {
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        const [x, z] = [Float64Array.from(a), Float64Array.from(b)]
        const hard = crossEntropy.reference!(dims, [x, targets])[0]!
        const same = distillationLoss.reference!(dims, [x, x, targets])[0]!
        const other = distillationLoss.reference!(dims, [x, z, targets])[0]!
        hard.forEach((value, r) => {
          expect(same[r]).toBeCloseTo((1 - SOFT_SHARE) * value, 10)
          expect(other[r]!).toBeGreaterThanOrEqual(same[r]! - 1e-9)
        })
      }),
    )
  })

  it('has the gradient α·T·(q − p) + (1 − α)·(softmax − one-hot) that its rule counts', () => {
    const [x, z] = [
      [0.3, -1, 2, 0.5, 1],
      [1, 0, -0.5, 2, 0.1],
    ].map((v) => Float64Array.from(v)) as [Float64Array, Float64Array]
    const softmax = (v: Float64Array, t: number) => {
      const e = v.map((one) => Math.exp(one / t))
      const sum = e.reduce((s, one) => s + one, 0)
      return e.map((one) => one / sum)
    }
    const one = {rows: 1, classes: 5}
    const loss = (v: Float64Array) => distillationLoss.reference!(one, [v, z, Float64Array.of(2)])[0]![0]!
    const [q, p, hard] = [softmax(x, TEMPERATURE), softmax(z, TEMPERATURE), softmax(x, 1)]
    for (let i = 0; i < 5; i++) {
      const step = (h: number) => loss(x.map((v, j) => (i === j ? v + h : v)))
      const analytic = SOFT_SHARE * TEMPERATURE * (q[i]! - p[i]!) + (1 - SOFT_SHARE) * (hard[i]! - (i === 2 ? 1 : 0))
      expect((step(1e-5) - step(-1e-5)) / 2e-5).toBeCloseTo(analytic, 7)
    }
  })
})
