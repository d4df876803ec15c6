import {expect, test} from 'vitest'
import {AnalysisError} from '../../src/analysis/errors.ts'
import {checkDims} from '../../src/kernels/dims.ts'
import {kernels} from '../../src/kernels/registry.ts'

const {attention, conv} = kernels
const gqa = kernels['attention-gqa']

test.each([
  [gqa, [1, 4, 3, 2, 8, 1], /kvHeads = 2 does not divide heads = 3/],
  [gqa, [1, 4, 4, 2, 8, 2], /causal = 2 is not a whole number from 0 to 1/],
  [conv, [1, 6, 8, 4, 9, 9, 3, 1, 1, 0, 0], /groups = 4 does not divide channels = 6/],
  [conv, [1, 8, 6, 4, 9, 9, 3, 1, 1, 0, 0], /groups = 4 does not divide filters = 6/],
  [conv, [1, 8, 8, 1, 9, 9, 3, 0, 1, 0, 0], /stride = 0 is not a whole number from 1/],
  [kernels['gemm-strided'], [4, 5, 6, 5, 5, 5], /lda = 5 is less than k = 6/],
  [kernels['gemm-strided'], [4, 5, 6, 6, 4, 5], /ldb = 4 is less than n = 5/],
  [kernels['gemm-strided'], [4, 5, 6, 6, 5, 4], /ldc = 4 is less than n = 5/],
  [attention, [1, 4, 4], /has 4 dimensions, batch × seq × heads × headDim, not 3 \(1x4x4\)/],
  [attention, [1, 4.5, 4, 8], /seq = 4.5/],
] as const)('%o with %j is refused', (def, dims, message) => {
  expect(() => checkDims(def, dims)).toThrow(AnalysisError)
  expect(() => checkDims(def, dims)).toThrow(message)
})

test('the next step is sizes that work, and what they are', () => {
  const refused = () => checkDims(attention, [1, 4, 4])
  expect(refused).toThrow(
    expect.objectContaining({suggestions: ['--dims 1x128x4x64 is batch × seq × heads × headDim']}),
  )
})

test('no padding, no bias and no mask are sizes', () => {
  expect(() => checkDims(conv, [1, 8, 8, 1, 9, 9, 3, 1, 1, 0, 0])).not.toThrow()
  expect(() => checkDims(gqa, [1, 4, 4, 2, 8, 0])).not.toThrow()
})
